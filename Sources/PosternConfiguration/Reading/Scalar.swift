import PosternModel
import Yams

/// A YAML scalar as this configuration understands it: the YAML 1.2 core schema, and of YAML 1.1 the words that people
/// write without knowing that they are booleans.
enum Scalar {
    case nothing
    case truth(String)
    case integer(Int)
    case fraction(String)
    case text(String)

    init(_ scalar: Node.Scalar) {
        let text = scalar.string
        switch scalar.style {
        case .singleQuoted, .doubleQuoted, .literal, .folded:
            self = .text(text)
        case .any, .plain:
            self = Self.plain(text)
        }
    }

    private static func plain(_ text: String) -> Scalar {
        switch text.lowercased() {
        case "", "~", "null": return .nothing
        case "true", "false", "yes", "no", "on", "off": return .truth(text)
        case _: break
        }
        if let number = Int(text) { return .integer(number) }
        if text.utf8.first.map(HostName.isDigit) == true || text.first == "-" || text.first == ".", Double(text) != nil
        {
            return .fraction(text)
        }
        return .text(text)
    }

    /// What a person is told was read.
    var description: String {
        switch self {
        case .nothing: "nothing"
        case .truth(let word): "the boolean \(word)"
        case .integer(let number): "the number \(number)"
        case .fraction(let text): "the number \(text)"
        case .text(let text): Scalar.quoted(text)
        }
    }

    /// `text` in quotes on one line, shortened, with nothing that could drive a terminal.
    static func quoted(_ text: String) -> String {
        let limit = 80
        var shown = ""
        for scalar in text.unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            case _: shown.unicodeScalars.append(scalar)
            }
        }
        return "\"\(shown)\(text.unicodeScalars.count > limit ? "…" : "")\""
    }
}
