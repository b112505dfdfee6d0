import PosternModel
import Yams

/// The rules that look at several values together: lists, defaults, groups and conditions.
extension Validator {
    mutating func read(
        _ node: Node,
        asListOf element: Shape,
        distinct: [String],
        limit: Int,
        path: String
    ) -> DocumentValue? {
        let line = node.mark?.line
        guard case .sequence(let sequence) = node else {
            if case .scalar(let scalar) = node, case .nothing = Scalar(scalar) { return .list([], line: line) }
            let hint = node.scalar.map { "write [\($0.string)]" }
            report(line: line, path, read: description(of: node), expected: "a list", hint: hint)
            return nil
        }
        guard sequence.count <= limit else {
            report(line: line, path, read: "\(sequence.count) entries", expected: "at most \(limit)")
            return nil
        }
        var elements: [DocumentValue] = []
        var seen: [String: [String: Int?]] = [:]
        for (position, item) in sequence.enumerated() {
            let place = "\(path)[\(position)]"
            guard let value = read(item, asElement: element, path: place) else { continue }
            elements.append(value)
            for key in distinct {
                checkDistinct(value, key: key, path: place, seen: &seen[key, default: [:]])
            }
        }
        return .list(elements, line: line)
    }

    private mutating func checkDistinct(
        _ value: DocumentValue,
        key: String,
        path: String,
        seen: inout [String: Int?]
    ) {
        guard let part = key.isEmpty ? value : value[key] else { return }
        guard let text = part.text ?? part.integer.map(String.init) else { return }
        // Port 0 is any free port, so two of them never meet.
        if key == "listen", case .place(let place)? = part.value, place.port == 0 { return }
        guard let first = seen[text] else {
            seen[text] = part.line
            return
        }
        let place = key.isEmpty ? path : "\(path).\(key)"
        let earlier = first.map { " (line \($0))" } ?? ""
        report(line: part.line, place, read: "\(text) a second time\(earlier)", expected: "each only once")
    }

    mutating func checkGroups(_ section: Section, given: [String: Node], path: String, line: Int?) {
        for group in section.exactlyOne {
            let found = group.filter { given[$0] != nil }
            let expected = "exactly one of \(group.joined(separator: ", "))"
            if let first = group.first, found.isEmpty {
                report(line: line, "\(path).\(first)", read: "nothing", expected: expected)
            } else if let last = found.last, found.count > 1 {
                let read = found.joined(separator: " and ")
                report(line: given[last]?.mark?.line ?? line, "\(path).\(last)", read: read, expected: expected)
            }
        }
    }

    /// The texts behind the names in `node`, each name once.
    mutating func read(
        _ node: Node,
        asTextsNamed names: TextForm,
        values: TextForm,
        limit: Int,
        path: String
    ) -> DocumentValue? {
        guard case .mapping(let mapping) = node else {
            report(node, path, read: description(of: node), expected: "names with texts")
            return nil
        }
        guard mapping.count <= limit else {
            report(node, path, read: "\(mapping.count) entries", expected: "at most \(limit)")
            return nil
        }
        var texts: [String: DocumentValue] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string, names.accepts(name) else {
                report(key, path, read: description(of: key), expected: names.expected)
                continue
            }
            texts[name] = read(value, as: values, path: Self.join(path, name))
        }
        return .section(texts, line: node.mark?.line)
    }

    mutating func checkRequirements(
        _ section: Section,
        values: [String: DocumentValue],
        given: [String: Node],
        path: String,
        line: Int?
    ) {
        for requirement in section.requirements where given[requirement.subject] == nil {
            guard let value = values[requirement.key]?.text, requirement.values.contains(value),
                let shape = section.key(requirement.subject)?.shape
            else { continue }
            report(
                line: line,
                Self.join(path, requirement.subject),
                read: "nothing",
                expected: Self.expectation(of: shape)
            )
        }
    }

    mutating func checkConditions(
        _ section: Section,
        values: [String: DocumentValue],
        given: [String: Node],
        path: String
    ) {
        for condition in section.conditions {
            guard let value = values[condition.key]?.text, condition.values.contains(value) else { continue }
            guard let subject = given[condition.subject] else { continue }
            let place = path.isEmpty ? condition.subject : "\(path).\(condition.subject)"
            let circumstance = "for \(condition.key) \(value)"
            guard let form = condition.form else {
                let read = "a key that has no meaning \(circumstance)"
                report(line: subject.mark?.line, place, read: read, expected: "none", hint: "remove it")
                continue
            }
            guard let text = values[condition.subject]?.text, !form.accepts(text) else { continue }
            report(
                line: subject.mark?.line,
                place,
                read: "\(Scalar.quoted(text)) \(circumstance)",
                expected: form.expected,
                hint: form.hint(for: text)
            )
        }
    }

    /// `values` and, for the keys that were not given, their defaults. A required key that is missing is noted.
    mutating func fill(
        _ values: [String: DocumentValue],
        given: Set<String> = [],
        from section: Section,
        path: String,
        line: Int?
    ) -> DocumentValue {
        var values = values
        for key in section.keys where !given.contains(key.name) {
            if key.isRequired {
                let missing = path.isEmpty ? key.name : "\(path).\(key.name)"
                report(line: line, missing, read: "nothing", expected: Self.expectation(of: key.shape))
                continue
            }
            values[key.name] = fallback(of: key)
        }
        return .section(values, line: line)
    }

    private mutating func fallback(of key: Key) -> DocumentValue? {
        if case .section(let section) = key.shape {
            return fill([:], from: section, path: key.name, line: nil)
        }
        switch key.fallback {
        case .none, .told: return nil
        case .empty: return .list([], line: nil)
        case .text(let text):
            if case .text(let form) = key.shape {
                guard let value = form.parse(text) else { preconditionFailure("a default has the form of its key") }
                return .text(text, value, line: nil)
            }
            if case .flag = key.shape { return .flag(text == "true", line: nil) }
            return .word(text, line: nil)
        }
    }

    /// What may stand behind a key, in words.
    static func expectation(of shape: Shape) -> String {
        switch shape {
        case .text(let form), .textOrSection(let form, _): form.expected
        case .choice(let words): "one of \(words.joined(separator: ", "))"
        case .flag: "true or false"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .list: "a list"
        case .texts: "names with texts"
        case .section: "a section"
        }
    }
}
