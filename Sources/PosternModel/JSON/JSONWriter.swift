extension JSONValue {
    /// The canonical form of RFC 8785: no spaces, members sorted by the UTF-16 code units of their keys, one spelling
    /// of each string and number. Signatures and hashes are made over it.
    ///
    /// An integer beyond 2^53, which RFC 8785 leaves to doubles, is written with all its digits, so that two values
    /// never share a canonical form.
    package var canonicalBytes: [UInt8] {
        var writer = JSONWriter(isCanonical: true)
        writer.write(self)
        return writer.bytes
    }

    /// The shortest text with the members in their own order.
    package var compactBytes: [UInt8] {
        var writer = JSONWriter(isCanonical: false)
        writer.write(self)
        return writer.bytes
    }

    /// ``canonicalBytes`` as text.
    package var canonicalText: String { String(decoding: canonicalBytes, as: UTF8.self) }

    /// ``compactBytes`` as text.
    package var compactText: String { String(decoding: compactBytes, as: UTF8.self) }
}

private struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private let isCanonical: Bool

    init(isCanonical: Bool) {
        self.isCanonical = isCanonical
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .integer(let value): bytes += String(value).utf8
        case .double(let value): bytes += JSONNumber.text(of: value).utf8
        case .string(let text): write(text)
        case .array(let elements): write(elements)
        case .object(let object): write(object)
        }
    }

    private mutating func write(_ elements: [JSONValue]) {
        bytes.append(UInt8(ascii: "["))
        for (position, element) in elements.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            write(element)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    // RFC 8785 §3.2.3: sorting of object members.
    private mutating func write(_ object: JSONObject) {
        let members =
            isCanonical
            ? object.members.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
            : object.members
        bytes.append(UInt8(ascii: "{"))
        for (position, member) in members.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            write(member.key)
            bytes.append(UInt8(ascii: ":"))
            write(member.value)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    // RFC 8785 §3.2.2.2: serialisation of strings.
    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        if text.utf8.allSatisfy(JSONParser.isPlain) {
            bytes += text.utf8
        } else {
            writeEscaped(text)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func writeEscaped(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes += "\\\"".utf8
            case UInt8(ascii: "\\"): bytes += "\\\\".utf8
            case 0x08: bytes += "\\b".utf8
            case 0x09: bytes += "\\t".utf8
            case 0x0a: bytes += "\\n".utf8
            case 0x0c: bytes += "\\f".utf8
            case 0x0d: bytes += "\\r".utf8
            case ..<0x20: bytes += ((byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16)).utf8
            case _: bytes.append(byte)
            }
        }
    }
}

/// Numbers as ECMAScript writes them, which RFC 8785 §3.2.2.3 prescribes.
enum JSONNumber {
    /// Up to here a double holds every integer.
    static let exactLimit: Double = 9_007_199_254_740_992

    /// The text of ECMA-262 §6.1.6.1.20 `Number::toString`.
    ///
    /// Swift finds the same shortest digits; only where the point stands and when an exponent is written differ. A
    /// value that is not finite has no JSON form and is a bug of ours.
    static func text(of value: Double) -> String {
        precondition(value.isFinite, "JSON has no infinities and no NaN")
        if value == 0 { return "0" }
        let sign = value < 0 ? "-" : ""
        let (digits, point) = decimal(of: value.magnitude)
        let count = digits.utf8.count
        switch point {
        case count...21:
            return sign + digits + String(repeating: "0", count: point - count)
        case 1...21:
            return sign + digits.prefix(point) + "." + digits.dropFirst(point)
        case -5...0:
            return sign + "0." + String(repeating: "0", count: -point) + digits
        case _:
            let exponent = point - 1
            let fraction = count == 1 ? "" : "." + digits.dropFirst()
            return sign + digits.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+") + String(exponent.magnitude)
        }
    }

    /// The shortest decimal digits that mean `value`, without zeros at either end, and where the point stands: the
    /// value is 0.digits times ten to the power of `point`.
    private static func decimal(of value: Double) -> (digits: String, point: Int) {
        let halves = value.description.split(separator: "e")
        let exponent = halves.count == 2 ? Int(halves[1]) ?? 0 : 0
        let parts = halves[0].split(separator: ".", omittingEmptySubsequences: false)
        let whole = parts[0]
        let fraction = parts.count == 2 ? parts[1] : ""
        let all = whole + fraction
        let leadingZeros = all.prefix { $0 == "0" }.count
        var digits = all.dropFirst(leadingZeros)
        while digits.last == "0" { digits.removeLast() }
        return (String(digits), whole.count + exponent - leadingZeros)
    }
}
