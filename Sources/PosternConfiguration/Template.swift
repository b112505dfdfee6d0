package import PosternModel

/// The commented file that `postern init` writes: every key of the table with what it means and its default, and the
/// few that were given set.
package struct ConfigurationTemplate: Sendable {
    private var lines: [String] = []

    /// A `postern.yaml` for a sidecar of this name and state directory; `hub` is already in it when it is known.
    ///
    /// A key that is not set stands behind a `#` without a space, to be uncommented.
    package static func sidecar(name: String, state: String, hub: HubURL?) -> String {
        var template = ConfigurationTemplate()
        template.lines += [
            "# yaml-language-server: $schema=\(ConfigurationSchema.fileName)",
            "# Configuration of a Postern sidecar. To set a key, uncomment it.",
            "# `postern config check` finds mistakes, `postern config schema` prints the JSON Schema.",
        ]
        let set = ["name": quoted(name), "state": quoted(state)]
        for key in Section.sidecar.keys {
            template.lines.append("")
            template.explain(key, shown: set[key.name] ?? value(of: key), lead: "")
            if key.name == "hubs", let hub {
                template.lines += ["hubs:", "  - \(hub)"]
            } else if let value = set[key.name] {
                template.lines.append("\(key.name): \(value)")
            } else {
                template.comment(key, indent: "")
            }
        }
        return template.lines.joined(separator: "\n") + "\n"
    }

    /// The meaning of a key and its default, where the `shown` value is not the default.
    private mutating func explain(_ key: Key, shown: String?, lead: String) {
        let note: String? =
            switch key.fallback {
            case .none: key.isRequired ? "required" : nil
            case .text(let text): shown == Self.quotedWhenNeeded(text) ? nil : "default: \(text)"
            case .empty: "default: none"
            case .told(let words): "default: \(words)"
            }
        lines.append("\(lead)# \(key.summary)" + (note.map { " (\($0))" } ?? ""))
    }

    /// One key, commented out, at `indent` spaces behind the `#`.
    private mutating func comment(_ key: Key, indent: String) {
        switch key.shape {
        case .section(let section):
            lines.append("#\(indent)\(key.name):")
            for inner in section.keys where !inner.isAlternative || Self.value(of: inner) != nil {
                explain(inner, shown: Self.value(of: inner), lead: "#\(indent)  ")
                comment(inner, indent: indent + "  ")
            }
        case .list(.section(let section), _, _):
            lines.append("#\(indent)\(key.name):")
            // A key without example and default is an alternative to one that is shown.
            let shown = section.keys.compactMap { inner in
                inner.isAlternative ? nil : Self.value(of: inner).map { (inner, $0) }
            }
            for (position, (inner, value)) in shown.enumerated() {
                explain(inner, shown: value, lead: "#\(indent)    ")
                lines.append("#\(indent)\(position == 0 ? "  - " : "    ")\(inner.name): \(value)")
            }
        case .list, .text, .texts, .choice, .flag, .integer, .textOrSection:
            lines.append("#\(indent)\(key.name): \(Self.value(of: key) ?? "")")
        }
    }

    private static func value(of key: Key) -> String? {
        if case .list(.text, _, _) = key.shape { return key.example.map { "[\($0)]" } ?? "[]" }
        if let example = key.example { return example }
        guard case .text(let text) = key.fallback else { return nil }
        return quotedWhenNeeded(text)
    }

    private static func quotedWhenNeeded(_ text: String) -> String {
        text.contains(":") || text.hasPrefix("~") ? quoted(text) : text
    }

    /// A YAML double-quoted scalar.
    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
