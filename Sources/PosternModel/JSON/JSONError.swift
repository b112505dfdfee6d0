/// Why a text is not the JSON that was expected, and where.
package struct JSONError: Error, Hashable, Sendable {
    /// What is wrong.
    package enum Reason: Hashable, Sendable {
        /// The text ends inside a value.
        case unexpectedEnd
        /// A byte that cannot stand here.
        case unexpectedByte(UInt8)
        /// Something follows the document.
        case trailingBytes
        /// A number that RFC 8259 §6 does not allow.
        case malformedNumber
        /// A number beyond what a double holds.
        case numberOutOfRange
        /// An escape that RFC 8259 §7 does not define, or half of a surrogate pair.
        case invalidEscape
        /// A string with bytes that are not UTF-8.
        case invalidText
        /// An object with the same key twice.
        case duplicateKey(String)
        /// Arrays and objects nested deeper than ``JSONLimits/depth``.
        case tooDeep
        /// A text longer than ``JSONLimits/byteCount``.
        case tooLong
    }

    /// What is wrong there.
    package let reason: Reason
    /// Bytes before the place.
    package let offset: Int
    /// The line of the place, from 1.
    package let line: Int
    /// The byte in the line, from 1.
    package let column: Int

    /// An error at `offset`, which is byte `column` of line `line`.
    package init(reason: Reason, offset: Int, line: Int, column: Int) {
        self.reason = reason
        self.offset = offset
        self.line = line
        self.column = column
    }
}

extension JSONError: CustomStringConvertible {
    package var description: String { "line \(line), column \(column): \(reason)" }
}

extension JSONError.Reason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unexpectedEnd: "the document ends too early"
        case .unexpectedByte(let byte): "unexpected \(Self.name(byte))"
        case .trailingBytes: "something follows the document"
        case .malformedNumber: "malformed number"
        case .numberOutOfRange: "number out of range"
        case .invalidEscape: "invalid escape in a string"
        case .invalidText: "a string is not UTF-8"
        case .duplicateKey(let key): "the key \"\(key)\" comes twice"
        case .tooDeep: "nested too deeply"
        case .tooLong: "the document is too long"
        }
    }

    private static func name(_ byte: UInt8) -> String {
        guard byte > 0x20, byte < 0x7f else { return "byte 0x" + String(byte, radix: 16) }
        return "character '\(Character(Unicode.Scalar(byte)))'"
    }
}

/// What a parser accepts at most, so that a document costs no more than its reader allows.
package struct JSONLimits: Hashable, Sendable {
    /// Arrays and objects inside one another, 1…512: each level takes a stack frame.
    package var depth: Int
    /// Bytes of the whole text.
    package var byteCount: Int

    /// Whether the last of members with one key counts, as most readers have it; else such a text is refused.
    package var takesLastOfDuplicates = false

    /// Limits of `depth` and `byteCount`.
    package init(depth: Int, byteCount: Int) {
        precondition((1...512).contains(depth), "the nesting of JSON is bounded by the stack")
        self.depth = depth
        self.byteCount = byteCount
    }

    /// Depth 64 and 16 MiB.
    package static let defaults = JSONLimits(depth: 64, byteCount: 16 << 20)
}
