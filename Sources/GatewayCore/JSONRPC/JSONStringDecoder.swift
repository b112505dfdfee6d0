/// Decodes the inside of one JSON string, octet by octet (RFC 8259 §7), and checks that it is UTF-8 (RFC 3629 §4).
struct JSONStringDecoder {
    enum Step {
        /// The octet stands for itself.
        case plain
        /// An escape ended, and means this.
        case decoded(Unicode.Scalar)
        case pending
        /// The octet was the closing quotation mark.
        case end
    }

    private enum State {
        case text
        /// Octets of a character that are to come, the next of them within `range`.
        case continuation(Int, ClosedRange<UInt8>)
        case escape
        case hexadecimal(digits: Int, value: UInt32)
        /// A high surrogate was read; its other half has to follow.
        case secondEscape
        case secondHexadecimalMark
    }

    private var state = State.text
    private var high: UInt32?

    /// Takes the next octet.
    mutating func take(_ octet: UInt8) throws(JSONTokenizer.Fault) -> Step {
        switch state {
        case .text: return try takeText(octet)
        case .continuation(let count, let range):
            guard range.contains(octet) else { throw .text }
            state = count > 1 ? .continuation(count - 1, 0x80...0xbf) : .text
            return .plain
        case .escape: return try takeEscape(octet)
        case .hexadecimal(let digits, let value):
            guard let digit = ASCII.hexadecimal(octet) else { throw .syntax }
            let value = value << 4 | UInt32(digit)
            guard digits == 3 else {
                state = .hexadecimal(digits: digits + 1, value: value)
                return .pending
            }
            return try takeUnit(value)
        case .secondEscape:
            guard octet == UInt8(ascii: "\\") else { throw .text }
            state = .secondHexadecimalMark
            return .pending
        case .secondHexadecimalMark:
            guard octet == UInt8(ascii: "u") else { throw .text }
            state = .hexadecimal(digits: 0, value: 0)
            return .pending
        }
    }

    private mutating func takeText(_ octet: UInt8) throws(JSONTokenizer.Fault) -> Step {
        switch octet {
        case UInt8(ascii: "\""): return .end
        case UInt8(ascii: "\\"):
            state = .escape
            return .pending
        case 0x20..<0x80: return .plain
        case ..<0x20: throw .syntax
        // RFC 3629 §4: the first octets, and what may follow each.
        case 0xc2...0xdf: state = .continuation(1, 0x80...0xbf)
        case 0xe0: state = .continuation(2, 0xa0...0xbf)
        case 0xed: state = .continuation(2, 0x80...0x9f)
        case 0xe1...0xef: state = .continuation(2, 0x80...0xbf)
        case 0xf0: state = .continuation(3, 0x90...0xbf)
        case 0xf1...0xf3: state = .continuation(3, 0x80...0xbf)
        case 0xf4: state = .continuation(3, 0x80...0x8f)
        case _: throw .text
        }
        return .plain
    }

    private mutating func takeEscape(_ octet: UInt8) throws(JSONTokenizer.Fault) -> Step {
        state = .text
        switch octet {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return .plain
        case UInt8(ascii: "b"): return .decoded("\u{8}")
        case UInt8(ascii: "f"): return .decoded("\u{c}")
        case UInt8(ascii: "n"): return .decoded("\n")
        case UInt8(ascii: "r"): return .decoded("\r")
        case UInt8(ascii: "t"): return .decoded("\t")
        case UInt8(ascii: "u"):
            state = .hexadecimal(digits: 0, value: 0)
            return .pending
        case _: throw .syntax
        }
    }

    /// A whole `\uXXXX` was read. Characters beyond the first plane are two of them.
    private mutating func takeUnit(_ unit: UInt32) throws(JSONTokenizer.Fault) -> Step {
        state = .text
        if let high {
            self.high = nil
            guard (0xdc00...0xdfff).contains(unit) else { throw .text }
            let value = 0x10000 + (high - 0xd800) << 10 + (unit - 0xdc00)
            guard let scalar = Unicode.Scalar(value) else { throw .text }
            return .decoded(scalar)
        }
        if (0xd800...0xdbff).contains(unit) {
            high = unit
            state = .secondEscape
            return .pending
        }
        guard let scalar = Unicode.Scalar(unit) else { throw .text }
        return .decoded(scalar)
    }
}

/// How much of a number was read (RFC 8259 §6).
enum JSONNumberState {
    case start
    case minus
    case zero
    case whole
    case point
    case fraction
    case exponentMark
    case exponentSign
    case exponent

    /// Whether the number may end here.
    var isWhole: Bool {
        switch self {
        case .zero, .whole, .fraction, .exponent: true
        case .start, .minus, .point, .exponentMark, .exponentSign: false
        }
    }

    /// Takes the next octet; false when it does not belong to the number.
    mutating func take(_ octet: UInt8) -> Bool {
        let isDigit = ASCII.isDigit(octet)
        let next: JSONNumberState? =
            switch self {
            case .start where octet == UInt8(ascii: "-"): .minus
            case .start, .minus: isDigit ? (octet == UInt8(ascii: "0") ? .zero : .whole) : nil
            case .whole where isDigit: .whole
            case .zero, .whole: behindDigits(octet, mayHavePoint: true)
            case .point: isDigit ? .fraction : nil
            case .fraction: isDigit ? .fraction : behindDigits(octet, mayHavePoint: false)
            case .exponentMark where octet == UInt8(ascii: "+") || octet == UInt8(ascii: "-"): .exponentSign
            case .exponentMark, .exponentSign, .exponent: isDigit ? .exponent : nil
            }
        guard let next else { return false }
        self = next
        return true
    }

    private func behindDigits(_ octet: UInt8, mayHavePoint: Bool) -> JSONNumberState? {
        if mayHavePoint, octet == UInt8(ascii: ".") { return .point }
        return ASCII.lowercase(octet) == UInt8(ascii: "e") ? .exponentMark : nil
    }
}
