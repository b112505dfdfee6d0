import PosternModel
import Yams

/// Changes one list of a configuration's text and leaves every other line, comment and blank as it is.
///
/// Where the list stands is known from the marks of the parsed text. Whatever comes out is parsed again and compared
/// with what was meant: a text that cannot be changed so is refused, never damaged.
struct ConfigurationEdit {
    private let text: String
    private let root: Node.Mapping?

    /// An edit of `text`, which was read without a mistake.
    init(_ text: String) {
        self.text = text
        root = (try? Yams.compose(yaml: text))?.mapping
    }

    /// The text with `entry` behind the other elements of the list `key`; nil when the text does not let that be done.
    func adding(_ entry: ListEntry, to key: String) -> String? {
        guard !(root?.mark.map(isBracketed) ?? false), let element = Self.element(entry) else { return nil }
        let wanted = elements(of: key) + [element]
        return attempts(adding: entry, to: key).first { says($0, key, wanted) }
    }

    /// The text without the element `position` of the list `key`; nil when the text does not let that be done.
    func removing(_ position: Int, from key: String) -> String? {
        guard case .sequence(let list)? = value(of: key), list.indices.contains(position) else { return nil }
        var wanted = Array(list)
        wanted.remove(at: position)
        let isFlow = list.mark.map(isBracketed) ?? false
        let changed = isFlow ? removing(position, ofFlow: list) : removing(position, ofBlock: list, key)
        return changed.flatMap { says($0, key, wanted) ? $0 : nil }
    }

    // MARK: What the text says

    private func pair(of key: String) -> (key: Node, value: Node)? { root?.first { $0.key.string == key } }

    private func value(of key: String) -> Node? { pair(of: key)?.value }

    private func elements(of key: String) -> [Node] { value(of: key)?.sequence.map { Array($0) } ?? [] }

    private static func element(_ entry: ListEntry) -> Node? {
        let text = entry.lines(indentation: 0).joined(separator: "\n")
        return (try? Yams.compose(yaml: text))?.sequence?.first
    }

    /// Whether `changed` says of `key` what is wanted, and of everything else what the text says.
    private func says(_ changed: String, _ key: String, _ wanted: [Node]) -> Bool {
        guard let result = (try? Yams.compose(yaml: changed))?.mapping else { return false }
        let others = result.filter { $0.key.string != key }
        let former = root?.filter { $0.key.string != key } ?? []
        guard others.count == former.count, result.count(where: { $0.key.string == key }) == 1 else { return false }
        guard zip(others, former).allSatisfy({ $0.key == $1.key && $0.value == $1.value }) else { return false }
        return result.first { $0.key.string == key }?.value.sequence.map { Array($0) == wanted } ?? false
    }

    // MARK: Adding

    private func attempts(adding entry: ListEntry, to key: String) -> [String] {
        guard let pair = pair(of: key), let mark = pair.key.mark else { return placements(of: key, with: entry) }
        let below = mark.line
        let indentation = mark.column + 1
        switch pair.value {
        case .sequence(let list) where !(list.mark.map(isBracketed) ?? false):
            return [adding(entry, toBlock: list)].compactMap(\.self)
        case .sequence(let list):
            return [adding(entry, toEmpty: list, indentation), adding(entry, toFlow: list)].compactMap(\.self)
        case .scalar(let scalar):
            // The key has nothing behind it, or a word for nothing.
            var lines = TextLines(text)
            if !scalar.string.isEmpty, let place = scalar.mark {
                let count = scalar.string.unicodeScalars.count
                lines.replace(count, at: place.column - 1, of: place.line - 1, with: "")
            }
            lines.insert(entry.lines(indentation: indentation), at: below)
            return [lines.text]
        case .mapping, .alias:
            return []
        }
    }

    /// The new key behind the commented example that `postern init` has written, else at the end.
    private func placements(of key: String, with entry: ListEntry) -> [String] {
        let lines = TextLines(text)
        let indentation = max((root?.first?.key.mark?.column ?? 1) - 1, 0)
        let lead = String(repeating: " ", count: indentation)
        let new = ["\(lead)\(key):"] + entry.lines(indentation: indentation + 2)
        var places: [Int] = []
        if let example = (0..<lines.count).first(where: { lines[$0].hasPrefix("#\(key):") }) {
            places.append((example..<lines.count).first { !lines[$0].hasPrefix("#") } ?? lines.count)
        }
        var end = lines.count
        while end > 0, lines.isBlank(end - 1) { end -= 1 }
        places.append(end)
        return places.map { place in
            var changed = lines
            changed.insert(new, at: place)
            return changed.text
        }
    }

    private func adding(_ entry: ListEntry, toBlock list: Node.Sequence) -> String? {
        guard let dashes = dashes(of: list), let last = dashes.last else { return nil }
        var lines = TextLines(text)
        let indentation = lines.indentation(of: last)
        lines.insert(entry.lines(indentation: indentation), at: Self.end(of: last, in: lines) + 1)
        return lines.text
    }

    /// A list in brackets with nothing in it becomes one in lines.
    private func adding(_ entry: ListEntry, toEmpty list: Node.Sequence, _ indentation: Int) -> String? {
        guard list.isEmpty, let mark = list.mark, let place = offset(of: mark) else { return nil }
        guard let flow = FlowList(in: Array(text.unicodeScalars), at: place) else { return nil }
        let length = flow.end - place + 1
        var lines = TextLines(text)
        guard mark.column - 1 + length <= lines[mark.line - 1].unicodeScalars.count else { return nil }
        lines.replace(length, at: mark.column - 1, of: mark.line - 1, with: "")
        lines.insert(entry.lines(indentation: indentation), at: mark.line)
        return lines.text
    }

    private func adding(_ entry: ListEntry, toFlow list: Node.Sequence) -> String? {
        let scalars = Array(text.unicodeScalars)
        guard let start = list.mark.flatMap(offset), let flow = FlowList(in: scalars, at: start) else { return nil }
        let hasComma = flow.commas.count >= flow.elements.count
        let last = (hasComma ? flow.commas.last.map { $0 + 1 } : nil) ?? flow.elements.last?.upperBound ?? start + 1
        let lead = flow.elements.isEmpty ? "" : hasComma ? " " : ", "
        return Self.text(scalars[..<last]) + lead + entry.flow + Self.text(scalars[last...])
    }

    // MARK: Removing

    private func removing(_ position: Int, ofBlock list: Node.Sequence, _ key: String) -> String? {
        guard let dashes = dashes(of: list), dashes.count == list.count else { return nil }
        var lines = TextLines(text)
        let first = dashes[position]
        lines.remove(first...Self.end(of: first, in: lines))
        if list.count == 1 {
            guard let mark = pair(of: key)?.key.mark, mark.line - 1 < lines.count else { return nil }
            let behind = Array(lines[mark.line - 1].unicodeScalars)
            guard let colon = behind.indices.first(where: { $0 >= mark.column - 1 && behind[$0] == ":" }) else {
                return nil
            }
            lines.replace(0, at: colon + 1, of: mark.line - 1, with: " []")
        }
        return lines.text
    }

    private func removing(_ position: Int, ofFlow list: Node.Sequence) -> String? {
        let scalars = Array(text.unicodeScalars)
        guard let start = list.mark.flatMap(offset), let flow = FlowList(in: scalars, at: start) else { return nil }
        guard flow.elements.count == list.count else { return nil }
        let element = flow.elements[position]
        let from = position > 0 ? flow.commas[position - 1] : element.lowerBound
        let to =
            position == 0 && flow.elements.count > 1
            ? flow.elements[1].lowerBound : position == 0 ? flow.end : element.upperBound
        return Self.text(scalars[..<from]) + Self.text(scalars[to...])
    }

    // MARK: Places

    /// The lines on which the elements of `list` begin; nil when they are not where they should be.
    private func dashes(of list: Node.Sequence) -> [Int]? {
        let lines = TextLines(text)
        guard let mark = list.mark, mark.line <= lines.count else { return nil }
        var dashes: [Int] = []
        var next = mark.line - 1
        let indentation = lines.indentation(of: next)
        guard indentation == mark.column - 1 else { return nil }
        while next < lines.count, lines.isDash(next), lines.indentation(of: next) == indentation {
            dashes.append(next)
            next = Self.end(of: next, in: lines) + 1
            while next < lines.count, lines.isSilent(next) { next += 1 }
        }
        return dashes.count == list.count ? dashes : nil
    }

    /// The last line of the element that begins on the line `dash`.
    private static func end(of dash: Int, in lines: TextLines) -> Int {
        let indentation = lines.indentation(of: dash)
        var end = dash
        for number in (dash + 1)..<max(lines.count, dash + 1) {
            if lines.isBlank(number) { continue }
            if lines.indentation(of: number) > indentation {
                end = number
            } else if !lines.isSilent(number) {
                break
            }
        }
        return end
    }

    /// Whether a list or mapping that begins at `mark` is one in brackets or braces: parsed nodes do not say.
    private func isBracketed(_ mark: Mark) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard let place = offset(of: mark), place < scalars.count else { return false }
        return scalars[place] == "[" || scalars[place] == "{"
    }

    private func offset(of mark: Mark) -> Int? {
        let lines = TextLines(text)
        guard mark.line <= lines.count else { return nil }
        return (0..<mark.line - 1).reduce(mark.column - 1) { $0 + lines[$1].unicodeScalars.count + 1 }
    }

    private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }
}
