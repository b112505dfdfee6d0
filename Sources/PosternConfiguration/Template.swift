/// The commented file that `postern init` writes: every key of the table with what it means and its default, and the
/// few that were given set.
package struct ConfigurationTemplate: Sendable {
    private var lines: [String] = []

    /// A `postern.yaml` for a sidecar of this name and state directory; `hub` is already in it when it is known.
    package static func sidecar(name: String, state: String, hub: HubAddress?) -> String {
        var template = ConfigurationTemplate()
        template.lines.append("# Configuration of a Postern sidecar. `postern config check` finds mistakes in it,")
        template.lines.append("# `postern config schema` prints its JSON Schema. Lines that begin with # are defaults or examples.")
        let set = ["name": quoted(name), "state": quoted(state)]
        for key in Section.sidecar.keys {
            template.lines.append("")
            if key.name == "hubs", let hub {
                template.lines.append("# \(key.summary)")
                template.lines += ["hubs:", "  - \(hub)"]
            } else if let value = set[key.name] {
                template.lines.append("# \(key.summary)\(defaultNote(key))")
                template.lines.append("\(key.name): \(value)")
            } else {
                template.comment(key, indent: "")
            }
        }
        return template.lines.joined(separator: "\n") + "\n"
    }

    /// One key, commented out, at `indent` spaces behind the `#`.
    private mutating func comment(_ key: Key, indent: String) {
        lines.append("# \(indent)\(key.name):\(inlineValue(of: key))\(Self.note(key))")
        switch key.shape {
        case .section(let section):
            for inner in section.keys { comment(inner, indent: indent + "  ") }
        case .list(.section(let section), _, _):
            // A key without example and default is an alternative to one that is shown.
            let shown = section.keys.compactMap { inner in Self.value(of: inner).map { (inner, $0) } }
            for (position, (inner, value)) in shown.enumerated() {
                let lead = indent + (position == 0 ? "  - " : "    ")
                lines.append("# \(lead)\(inner.name): \(value)\(Self.note(inner))")
            }
        case .list:
            if let example = key.example { lines.append("# \(indent)  - \(example)") }
        case .text, .choice, .integer:
            break
        }
    }

    private func inlineValue(of key: Key) -> String {
        switch key.shape {
        case .section, .list: ""
        case .text, .choice, .integer: Self.value(of: key).map { " \($0)" } ?? ""
        }
    }

    private static func value(of key: Key) -> String? {
        if case .list(.text, _, _) = key.shape { return key.example.map { "[\($0)]" } ?? "[]" }
        if let example = key.example { return example }
        guard case .text(let text) = key.fallback else { return nil }
        return quotedWhenNeeded(text)
    }

    private static func note(_ key: Key) -> String { "  # \(key.summary)\(defaultNote(key))" }

    private static func defaultNote(_ key: Key) -> String {
        switch key.fallback {
        case .none: key.isRequired ? " (required)" : ""
        case .text(let text): "; default: \(text)"
        case .empty: "; default: none"
        case .told(let words): "; default: \(words)"
        }
    }

    private static func quotedWhenNeeded(_ text: String) -> String {
        text.contains(":") || text.hasPrefix("~") ? quoted(text) : text
    }

    /// A YAML double-quoted scalar.
    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
