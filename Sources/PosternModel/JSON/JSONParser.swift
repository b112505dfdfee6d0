extension JSONValue {
    /// Reads the one document that `bytes` hold (RFC 8259, strictly; duplicate keys are refused).
    package init(parsing bytes: [UInt8], limits: JSONLimits = .defaults) throws(JSONError) {
        var parser = JSONParser(bytes, limits: limits)
        self = try parser.parseDocument()
    }

    /// Reads the one document in `text`.
    package init(parsing text: String, limits: JSONLimits = .defaults) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}

/// A recursive-descent parser over bytes in memory. `position` is the next byte to read and never passes the end.
struct JSONParser {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var position = 0
    private var depth = 0

    init(_ bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func parseDocument() throws(JSONError) -> JSONValue {
        guard bytes.count <= limits.byteCount else { throw error(.tooLong, at: limits.byteCount) }
        let value = try parseValue()
        skipSpace()
        guard position == bytes.count else { throw error(.trailingBytes) }
        return value
    }

    /// RFC 8259 §3.
    private mutating func parseValue() throws(JSONError) -> JSONValue {
        skipSpace()
        switch try peek() {
        case UInt8(ascii: "{"): return .object(try parseObject())
        case UInt8(ascii: "["): return .array(try parseArray())
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        case let byte: throw error(.unexpectedByte(byte))
        }
    }

    private mutating func parseWord(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for byte in "\(word)".utf8 { try expect(byte) }
        return value
    }

    /// Members of one object that may repeat a key, where that is taken: each costs a walk over the others.
    private static let repeatedLimit = 16

    /// RFC 8259 §4; RFC 8785 §3.1 wants unique keys.
    private mutating func parseObject() throws(JSONError) -> JSONObject {
        try enter()
        var members: [JSONObject.Member] = []
        var keys = DistinctKeys()
        var repeatedCount = 0
        skipSpace()
        if try peek() == UInt8(ascii: "}") {
            leave()
            return JSONObject()
        }
        while true {
            skipSpace()
            let start = position
            let key = try parseString()
            let isNew = keys.insert(key, after: members)
            if !isNew { repeatedCount += 1 }
            guard isNew || limits.takesLastOfDuplicates && repeatedCount <= Self.repeatedLimit else {
                throw error(.duplicateKey(key), at: start)
            }
            skipSpace()
            try expect(UInt8(ascii: ":"))
            let member = JSONObject.Member(key: key, value: try parseValue())
            if isNew {
                members.append(member)
            } else if let place = members.firstIndex(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
                members[place] = member
            }
            skipSpace()
            if try peek() == UInt8(ascii: "}") { break }
            try expect(UInt8(ascii: ","))
        }
        leave()
        return JSONObject(distinct: members)
    }

    /// RFC 8259 §5.
    private mutating func parseArray() throws(JSONError) -> [JSONValue] {
        try enter()
        var elements: [JSONValue] = []
        skipSpace()
        if try peek() == UInt8(ascii: "]") {
            leave()
            return elements
        }
        while true {
            elements.append(try parseValue())
            skipSpace()
            if try peek() == UInt8(ascii: "]") { break }
            try expect(UInt8(ascii: ","))
        }
        leave()
        return elements
    }

    /// RFC 8259 §6: an optional minus, digits without leading zeros, then perhaps a fraction and an exponent.
    private mutating func parseNumber() throws(JSONError) -> JSONValue {
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        let first = position
        guard skipDigits() > 0 else { throw error(.malformedNumber) }
        guard bytes[first] != UInt8(ascii: "0") || position == first + 1 else {
            throw error(.malformedNumber, at: first)
        }
        var isInteger = true
        if next(is: UInt8(ascii: ".")) {
            isInteger = false
            position += 1
            guard skipDigits() > 0 else { throw error(.malformedNumber) }
        }
        if next(is: UInt8(ascii: "e")) || next(is: UInt8(ascii: "E")) {
            isInteger = false
            position += 1
            if next(is: UInt8(ascii: "+")) || next(is: UInt8(ascii: "-")) { position += 1 }
            guard skipDigits() > 0 else { throw error(.malformedNumber) }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let integer = Int64(text) { return .integer(integer) }
        guard let double = Double(text), double.isFinite else { throw error(.numberOutOfRange, at: start) }
        return .double(double)
    }

    /// RFC 8259 §7.
    private mutating func parseString() throws(JSONError) -> String {
        try expect(UInt8(ascii: "\""))
        let start = position
        var text: [UInt8] = []
        while true {
            let run = position
            var bits: UInt8 = 0
            while position < bytes.count, Self.isPlain(bytes[position]) {
                bits |= bytes[position]
                position += 1
            }
            if run == start, bits < 0x80, next(is: UInt8(ascii: "\"")) {
                position += 1
                return String(decoding: bytes[run..<position - 1], as: UTF8.self)
            }
            text += bytes[run..<position]
            switch try peek() {
            case UInt8(ascii: "\""):
                position += 1
                guard let string = String(validating: text, as: UTF8.self) else { throw error(.invalidText, at: start) }
                return string
            case UInt8(ascii: "\\"):
                position += 1
                try parseEscape(into: &text)
            case let byte:
                throw error(.unexpectedByte(byte))
            }
        }
    }

    private mutating func parseEscape(into text: inout [UInt8]) throws(JSONError) {
        let start = position - 1
        let byte = try peek()
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "u"):
            var scalar = try parseHex(from: start)
            if (0xd800..<0xdc00).contains(scalar) {
                guard next(is: UInt8(ascii: "\\")) else { throw error(.invalidEscape, at: start) }
                position += 1
                guard next(is: UInt8(ascii: "u")) else { throw error(.invalidEscape, at: start) }
                position += 1
                let low = try parseHex(from: start)
                guard (0xdc00..<0xe000).contains(low) else { throw error(.invalidEscape, at: start) }
                scalar = 0x10000 + (scalar - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let value = Unicode.Scalar(scalar) else { throw error(.invalidEscape, at: start) }
            text += UTF8.encode(value).map(Array.init) ?? []
        case _: throw error(.invalidEscape, at: start)
        }
    }

    /// The four hexadecimal digits of an escape that began at `start`.
    private mutating func parseHex(from start: Int) throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(try peek())).hexDigitValue else {
                throw error(.invalidEscape, at: start)
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func enter() throws(JSONError) {
        guard depth < limits.depth else { throw error(.tooDeep) }
        depth += 1
        position += 1
    }

    private mutating func leave() {
        depth -= 1
        position += 1
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            case _: return
            }
        }
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
        return position - start
    }

    private func peek() throws(JSONError) -> UInt8 {
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        return bytes[position]
    }

    private func next(is byte: UInt8) -> Bool {
        position < bytes.count && bytes[position] == byte
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        let found = try peek()
        guard found == byte else { throw error(.unexpectedByte(found)) }
        position += 1
    }

    /// Whether `byte` stands for itself inside a string.
    static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private func error(_ reason: JSONError.Reason, at place: Int? = nil) -> JSONError {
        let offset = min(place ?? position, bytes.count)
        let before = bytes[..<offset]
        let line = before.count { $0 == 0x0a } + 1
        let column = offset - (before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0) + 1
        return JSONError(reason: reason, offset: offset, line: line, column: column)
    }
}

/// Finds keys that an object has twice: in a few members by looking at each, which is what nearly all objects take.
private struct DistinctKeys {
    private static let fewCount = 8
    private var known: Set<[UInt8]> = []

    /// Takes `key` of the member behind `members`; false when one of them has it.
    mutating func insert(_ key: String, after members: [JSONObject.Member]) -> Bool {
        guard members.count >= Self.fewCount else {
            return !members.contains { $0.key == key && $0.key.utf8.elementsEqual(key.utf8) }
        }
        if known.isEmpty { known = Set(members.map { Array($0.key.utf8) }) }
        return known.insert(Array(key.utf8)).inserted
    }
}
