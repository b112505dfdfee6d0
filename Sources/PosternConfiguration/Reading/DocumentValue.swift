/// A validated part of a configuration file, with the line where it stands.
indirect enum DocumentValue {
    /// A word out of a few.
    case word(String, line: Int?)
    /// A text of one form, and what it means.
    case text(String, FormValue, line: Int?)
    /// A whole number.
    case integer(Int, line: Int?)
    /// True or false.
    case flag(Bool, line: Int?)
    /// A list.
    case list([DocumentValue], line: Int?)
    /// A section with every key that was given or has a default.
    case section([String: DocumentValue], line: Int?)

    /// Counted from 1; nil for a default.
    var line: Int? {
        switch self {
        case .word(_, let line), .text(_, _, let line), .integer(_, let line), .flag(_, let line),
            .list(_, let line), .section(_, let line):
            line
        }
    }

    /// What stands behind `key`, or nil when that is nothing.
    subscript(_ key: String) -> DocumentValue? {
        guard case .section(let values, _) = self else { return nil }
        return values[key]
    }

    /// The text or word as it was written, or nil when this is none.
    var text: String? {
        switch self {
        case .word(let text, _), .text(let text, _, _): text
        case .integer, .flag, .list, .section: nil
        }
    }

    /// The texts of a section, by their names.
    var texts: [String: String] {
        guard case .section(let values, _) = self else { return [:] }
        return values.compactMapValues(\.text)
    }

    /// What the text means, or nil when this is none.
    var value: FormValue? {
        guard case .text(_, let value, _) = self else { return nil }
        return value
    }

    /// The truth, or nil when this is none.
    var flag: Bool? {
        guard case .flag(let truth, _) = self else { return nil }
        return truth
    }

    /// The number, or nil when this is none.
    var integer: Int? {
        guard case .integer(let value, _) = self else { return nil }
        return value
    }

    /// The elements; empty when this is no list.
    var elements: [DocumentValue] {
        guard case .list(let elements, _) = self else { return [] }
        return elements
    }
}
