/// A new element of a list of the configuration, and how it is written.
package struct ListEntry: Hashable, Sendable {
    private enum Value: Hashable, Sendable {
        case text(String)
        case texts([String])
        case plain(String)
    }

    private struct Field: Hashable, Sendable {
        let name: String
        let value: Value
    }

    private var fields: [Field] = []

    package init() {}

    /// Sets a key to a text.
    package mutating func set(_ name: String, _ text: String) { fields.append(Field(name: name, value: .text(text))) }

    /// Sets a key to a list of texts.
    package mutating func set(_ name: String, _ texts: [String]) {
        fields.append(Field(name: name, value: .texts(texts)))
    }

    /// Sets a key to a number.
    package mutating func set(_ name: String, _ number: Int) {
        fields.append(Field(name: name, value: .plain(String(number))))
    }

    /// Sets a key to true or false.
    package mutating func set(_ name: String, _ flag: Bool) {
        fields.append(Field(name: name, value: .plain(flag ? "true" : "false")))
    }

    /// The element in lines of its own, its dash behind `indentation` spaces.
    func lines(indentation: Int) -> [String] {
        let lead = String(repeating: " ", count: indentation)
        return fields.enumerated().map { position, field in
            lead + (position == 0 ? "- " : "  ") + "\(field.name): \(Self.text(of: field.value, inFlow: false))"
        }
    }

    /// The element in braces.
    var flow: String {
        "{" + fields.map { "\($0.name): \(Self.text(of: $0.value, inFlow: true))" }.joined(separator: ", ") + "}"
    }

    private static func text(of value: Value, inFlow: Bool) -> String {
        switch value {
        case .text(let text): scalar(text, inFlow: inFlow)
        case .texts(let texts): "[" + texts.map { scalar($0, inFlow: true) }.joined(separator: ", ") + "]"
        case .plain(let text): text
        }
    }

    /// A YAML scalar that is a string whatever reads it: quoted where a plain one could be taken for something else.
    private static func scalar(_ text: String, inFlow: Bool) -> String {
        let isPlainByte: (UInt8) -> Bool = { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "/"),
                UInt8(ascii: "-"):
                true
            case UInt8(ascii: ":"): !inFlow
            case _: false
            }
        }
        let words: Set<String> = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        // What has only digits, a sign and a point is a number or a time; 1e3 is a number as well.
        let hasLetters = text.utf8.contains { $0 >= UInt8(ascii: "A") }
        let isNumeric = Double(text) != nil || !hasLetters && text.utf8.count { $0 == UInt8(ascii: ".") } < 2
        let beginsPlain = text.first.map { $0.isLetter || $0.isNumber } ?? false
        guard beginsPlain, text.utf8.allSatisfy(isPlainByte), text.last != ":", !isNumeric,
            !words.contains(text.lowercased())
        else { return quoted(text) }
        return text
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
