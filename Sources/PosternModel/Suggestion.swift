/// Finds the word that somebody probably meant.
package enum Suggestion {
    /// The candidate nearest to `word` in Levenshtein's distance, or nil when none is near: more than a third of the
    /// letters differ.
    package static func nearest(to word: String, among candidates: [String]) -> String? {
        let scored = candidates.map { ($0, distance(word.lowercased(), $0.lowercased())) }
        guard let best = scored.min(by: { $0.1 < $1.1 }) else { return nil }
        return best.1 <= max(1, min(word.count, best.0.count) / 3) ? best.0 : nil
    }

    /// How many letters must be inserted, removed, replaced or swapped with their neighbour.
    static func distance(_ first: String, _ second: String) -> Int {
        let first = Array(first.unicodeScalars.prefix(64))
        let second = Array(second.unicodeScalars.prefix(64))
        var beforePrevious: [Int] = []
        var previous = Array(0...second.count)
        for row in first.indices {
            var current = [row + 1]
            for column in second.indices {
                let cost = first[row] == second[column] ? 0 : 1
                var best = min(previous[column + 1] + 1, current[column] + 1, previous[column] + cost)
                if row > 0, column > 0, first[row] == second[column - 1], first[row - 1] == second[column] {
                    best = min(best, beforePrevious[column - 1] + 1)
                }
                current.append(best)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[second.count]
    }
}
