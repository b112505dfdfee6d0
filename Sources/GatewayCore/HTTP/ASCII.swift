/// The octets that HTTP/1.1 gives a meaning to.
enum ASCII {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20
    static let delete: UInt8 = 0x7f

    /// `octet` with A…Z made a…z.
    static func lowercase(_ octet: UInt8) -> UInt8 {
        octet &- 0x41 < 26 ? octet | 0x20 : octet
    }

    static func isDigit(_ octet: UInt8) -> Bool { octet &- 0x30 < 10 }

    /// The value of a hexadecimal digit.
    static func hexadecimal(_ octet: UInt8) -> UInt8? {
        if isDigit(octet) { return octet &- 0x30 }
        let letter = lowercase(octet)
        return letter &- 0x61 < 6 ? letter &- 0x57 : nil
    }

    /// Whether `octet` may stand in a field name (RFC 9110 §5.6.2: tchar).
    static func isTokenOctet(_ octet: UInt8) -> Bool {
        // One bit for each of the 128 octets of ASCII.
        let row: UInt64 = octet < 64 ? 0x03ff_6cfa_0000_0000 : 0x57ff_ffff_c7ff_fffe
        return octet < 128 && row &>> UInt64(octet) & 1 == 1
    }

    /// Whether `octet` is a letter or a digit.
    static func isAlphanumeric(_ octet: UInt8) -> Bool {
        isDigit(octet) || lowercase(octet) &- 0x61 < 26
    }

    /// The highest bit of each octet of `word` that is a control character, the horizontal tab among them. Bits above
    /// the lowest one that is set may be set for other octets as well.
    static func controls(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highest = ones << 7
        let belowSpace = (word &- ones * UInt64(space)) & ~word
        let distance = word ^ ones * UInt64(delete)
        let isDelete = (distance &- ones) & ~distance
        return (belowSpace | isDelete) & highest
    }

    /// Whether `octet` has no place in a line of a head: control characters but the horizontal tab.
    static func isControl(_ octet: UInt8) -> Bool {
        octet < space && octet != tab || octet == delete
    }
}

extension Span<UInt8> {
    /// Whether `range` reads `word`, which is in lower case, in any case of letters.
    func matches(_ range: Range<Int>, _ word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        return hasPrefix(range, word)
    }

    /// Whether `range` begins with `word`, which is in lower case, in any case of letters.
    func hasPrefix(_ range: Range<Int>, _ word: StaticString) -> Bool {
        guard range.count >= word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { wanted in
            var position = range.lowerBound
            for octet in wanted {
                if ASCII.lowercase(self[position]) != octet { return false }
                position &+= 1
            }
            return true
        }
    }

    /// Whether `range` and `other` are equal but for the case of letters.
    func matches(_ range: Range<Int>, _ other: [UInt8]) -> Bool {
        guard range.count == other.count else { return false }
        for offset in other.indices
        where ASCII.lowercase(self[range.lowerBound + offset]) != ASCII.lowercase(other[offset]) {
            return false
        }
        return true
    }

    /// Whether two ranges are equal but for the case of letters.
    func matches(_ range: Range<Int>, _ other: Range<Int>) -> Bool {
        guard range.count == other.count else { return false }
        for offset in 0..<range.count
        where ASCII.lowercase(self[range.lowerBound + offset]) != ASCII.lowercase(self[other.lowerBound + offset]) {
            return false
        }
        return true
    }

    /// The offset of the first control character at or behind `start` and before `end`, or `end`. Looks at eight octets
    /// at a time.
    func endOfText(from start: Int, below end: Int) -> Int {
        let octets = bytes
        var position = start
        while end - position >= 8 {
            // Checks its bounds, and every pattern of bits is an integer. The first octet has to be the lowest one.
            let word = octets.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
            let controls = ASCII.controls(UInt64(littleEndian: word))
            guard controls == 0 else { return position + controls.trailingZeroBitCount / 8 }
            position += 8
        }
        while position < end, self[position] >= ASCII.space, self[position] != ASCII.delete { position += 1 }
        return position
    }

    /// `range` without the white space at its ends (RFC 9110 §5.5: OWS).
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, self[start] == ASCII.space || self[start] == ASCII.tab { start += 1 }
        while start < end, self[end - 1] == ASCII.space || self[end - 1] == ASCII.tab { end -= 1 }
        return start..<end
    }

    /// A copy of `range`.
    func copy(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(contentsOf: self, range)
        return bytes
    }
}

extension [UInt8] {
    /// Appends the bytes of `span` in `range`.
    mutating func append(contentsOf span: Span<UInt8>, _ range: Range<Int>) {
        span.extracting(range).withUnsafeBufferPointer { append(contentsOf: $0) }
    }

    /// Appends `text`.
    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }
}
