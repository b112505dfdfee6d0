/// How long things took: counts by duration, as Prometheus histograms have them.
package struct DurationHistogram: Hashable, Sendable {
    /// The upper bounds of all counts but the last, in seconds: a call on one host, over a path, of a slow tool.
    package static let bounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    /// One count for each bound, and one for what took longer than all of them.
    package private(set) var counts = [UInt32](repeating: 0, count: bounds.count + 1)
    /// Of all durations, in seconds.
    package private(set) var sum = 0.0

    /// How many there are.
    package var total: UInt64 { counts.reduce(0) { $0 + UInt64($1) } }

    mutating func add(_ seconds: Double) {
        let position = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        counts[position] &+= 1
        sum += seconds
    }

    /// The duration in seconds that the part `part` of all does not exceed, as far as the counts tell; nil: there are
    /// none.
    package func quantile(_ part: Double) -> Double? {
        let total = Double(total)
        guard total > 0 else { return nil }
        var below = 0.0
        for (position, count) in counts.enumerated() where count > 0 {
            guard below + Double(count) < part * total else {
                guard position < Self.bounds.count else { break }
                let start = position == 0 ? 0 : Self.bounds[position - 1]
                return start + (Self.bounds[position] - start) * (part * total - below) / Double(count)
            }
            below += Double(count)
        }
        return Self.bounds[Self.bounds.count - 1]
    }
}
