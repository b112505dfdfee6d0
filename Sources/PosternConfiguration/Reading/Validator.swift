import PosternModel
import Yams

/// Walks a YAML document along a table and collects every mistake.
struct Validator {
    /// The file as it is named in messages.
    let file: String
    /// In the order in which they were met.
    private(set) var problems: [Problem] = []

    init(file: String) {
        self.file = file
    }

    /// The values behind the keys of `section`, defaults included; nil when `node` is no section at all.
    mutating func read(_ node: Node?, as section: Section, path: String, parentLine: Int?) -> DocumentValue? {
        guard let node else { return fill([:], from: section, path: path, line: parentLine) }
        guard case .mapping(let mapping) = node else {
            if case .scalar(let scalar) = node, case .nothing = Scalar(scalar) {
                return fill([:], from: section, path: path, line: node.mark?.line ?? parentLine)
            }
            let names = section.keys.map(\.name).joined(separator: ", ")
            report(node, path, read: description(of: node), expected: "keys with values: \(names)")
            return nil
        }
        var values: [String: DocumentValue] = [:]
        var given: [String: Node] = [:]
        for (keyNode, value) in mapping {
            guard let key = recognised(keyNode, in: section, path: path) else { continue }
            given[key.name] = value
            values[key.name] = read(value, asElement: key.shape, path: Self.join(path, key.name))
        }
        let line = node.mark?.line ?? parentLine
        checkGroups(section, given: given, path: path, line: line)
        checkRequirements(section, values: values, given: given, path: path, line: line)
        checkConditions(section, values: values, given: given, path: path)
        return fill(values, given: Set(given.keys), from: section, path: path, line: line)
    }

    /// Adds a mistake that concerns several keys at once.
    mutating func report(line: Int?, _ key: String, read: String, expected: String, hint: String? = nil) {
        problems.append(
            Problem(file: file, line: line, key: key, read: read, expected: expected, hint: hint)
        )
    }
}

extension Validator {
    static func join(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    mutating func report(_ node: Node, _ key: String, read: String, expected: String, hint: String? = nil) {
        report(line: node.mark?.line, key, read: read, expected: expected, hint: hint)
    }

    func description(of node: Node) -> String {
        switch node {
        case .scalar(let scalar): Scalar(scalar).description
        case .mapping: "a section"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }

    /// The key of `section` that `node` names; nil after a mistake was noted.
    private mutating func recognised(_ node: Node, in section: Section, path: String) -> Key? {
        guard case .scalar(let scalar) = node else {
            report(node, path, read: "\(description(of: node)) as a key", expected: "a word")
            return nil
        }
        let name = scalar.string
        if let key = section.key(name) { return key }
        let place = Self.join(
            path,
            name.unicodeScalars.count <= 64 && ServiceName(name) != nil ? name : Scalar.quoted(name)
        )
        let known = section.keys.map(\.name)
        let expected = "one of \(known.joined(separator: ", "))"
        let guess = Suggestion.nearest(to: name, among: known).map { "did you mean \($0)?" }
        report(node, place, read: "an unknown key", expected: expected, hint: guess)
        return nil
    }

    mutating func read(_ node: Node, asElement shape: Shape, path: String) -> DocumentValue? {
        switch shape {
        case .text(let form): return read(node, as: form, path: path)
        case .choice(let words): return read(node, as: words, path: path)
        case .integer(let range): return read(node, as: range, path: path)
        case .flag: return readFlag(node, path: path)
        case .list(let element, let distinct, let limit):
            return read(node, asListOf: element, distinct: distinct, limit: limit, path: path)
        case .texts(let names, let values, let limit):
            return read(node, asTextsNamed: names, values: values, limit: limit, path: path)
        case .section(let section): return read(node, as: section, path: path, parentLine: nil)
        case .textOrSection(let form, let section):
            if case .mapping = node { return read(node, as: section, path: path, parentLine: nil) }
            return read(node, as: form, path: path)
        }
    }

    mutating func read(_ node: Node, as form: TextForm, path: String) -> DocumentValue? {
        guard case .scalar(let scalar) = node else {
            report(node, path, read: description(of: node), expected: form.expected)
            return nil
        }
        switch Scalar(scalar) {
        case .text(let text):
            if let value = form.parse(text) { return .text(text, value, line: node.mark?.line) }
            let read = form.isSecret ? "a text of another form" : Scalar.quoted(text)
            report(node, path, read: read, expected: form.expected, hint: form.hint(for: text))
        case .truth(let word):
            // YAML 1.1 makes a boolean of a plain `off`; here it is the word.
            if [.loopbackOrOff, .listenOrOff].contains(form), word == "off" {
                return .text(word, .off, line: node.mark?.line)
            }
            let hint = form.accepts(word) ? "put the text in quotes: \"\(word)\"" : nil
            report(node, path, read: Scalar.truth(word).description, expected: form.expected, hint: hint)
        case .integer, .fraction:
            let text = scalar.string
            if form.takesNumbers, let value = form.parse(text) { return .text(text, value, line: node.mark?.line) }
            let hint = form.accepts(text) ? "put the text in quotes: \"\(text)\"" : form.hint(for: text)
            report(node, path, read: description(of: node), expected: form.expected, hint: hint)
        case .nothing:
            report(node, path, read: "nothing", expected: form.expected, hint: "remove the key for its default")
        }
        return nil
    }

    private mutating func read(_ node: Node, as words: [String], path: String) -> DocumentValue? {
        let expected = "one of \(words.joined(separator: ", "))"
        let text: String
        switch node.scalar.map({ Scalar($0) }) {
        case .text(let word)?: text = word
        // YAML 1.1 makes a boolean of a plain `off`; here it is the word.
        case .truth("off")? where words.contains("off"): text = "off"
        case .truth?, .integer?, .fraction?, .nothing?, nil:
            report(node, path, read: description(of: node), expected: expected)
            return nil
        }
        if words.contains(text) { return .word(text, line: node.mark?.line) }
        let guess = Suggestion.nearest(to: text, among: words).map { "did you mean \($0)?" }
        report(node, path, read: Scalar.quoted(text), expected: expected, hint: guess)
        return nil
    }

    private mutating func readFlag(_ node: Node, path: String) -> DocumentValue? {
        if case .scalar(let scalar) = node, case .truth(let word) = Scalar(scalar), ["true", "false"].contains(word) {
            return .flag(word == "true", line: node.mark?.line)
        }
        report(node, path, read: description(of: node), expected: "true or false")
        return nil
    }

    private mutating func read(_ node: Node, as range: ClosedRange<Int>, path: String) -> DocumentValue? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard case .scalar(let scalar) = node, case .integer(let number) = Scalar(scalar) else {
            let isQuoted = node.scalar.flatMap { Int($0.string) } != nil
            report(
                node,
                path,
                read: description(of: node),
                expected: expected,
                hint: isQuoted ? "remove the quotes" : nil
            )
            return nil
        }
        guard range.contains(number) else {
            report(node, path, read: "the number \(number)", expected: expected)
            return nil
        }
        return .integer(number, line: node.mark?.line)
    }
}
