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
        let belowSpace = (word &- ones * UInt64(space)) & ~word
        let distance = word ^ ones * UInt64(delete)
        let isDelete = (distance &- ones) & ~distance
        return (belowSpace | isDelete) & highest
    }

    /// Eight octets with A…Z made a…z.
    static func lowercase(_ word: UInt64) -> UInt64 {
        let low = word & (highest &- ones)
        let isAtLeastA = low &+ ones &* (0x80 - 0x41)
        let isBehindZ = low &+ ones &* (0x80 - 0x5b)
        return word | (isAtLeastA & ~isBehindZ & ~word & highest) &>> 2
    }

    /// Whether all of eight octets are letters or hyphens, of which most field names consist.
    static func areLettersOrHyphens(_ word: UInt64) -> Bool {
        guard word & highest == 0 else { return false }
        let low = word | ones &* 0x20
        let isLetter = (low &+ ones &* (0x80 - 0x61)) & ~(low &+ ones &* (0x80 - 0x7b))
        let isOther = ((word ^ ones &* UInt64(UInt8(ascii: "-"))) | highest) &- ones
        return (isLetter | ~isOther) & highest == highest
    }

    /// 1 in each octet of a word.
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    /// The highest bit of each octet of a word.
    private static let highest: UInt64 = 0x8080_8080_8080_8080

    /// Whether `octet` has no place in a line of a head: control characters but the horizontal tab.
    static func isControl(_ octet: UInt8) -> Bool {
        octet < space && octet != tab || octet == delete
    }
}

extension Span<UInt8> {
    /// The eight octets from `offset` on, which is checked against the bounds. Every pattern of bits is an integer.
    func word(_ offset: Int) -> UInt64 {
        bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// Whether `range` reads `word`, which is in lower case and as long, in any case of letters. With a literal, all
    /// that is left of this are comparisons of eight octets at a time.
    @inline(__always)
    func reads(_ range: Range<Int>, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        let wanted = UnsafeRawPointer(word.utf8Start)
        guard count >= 8 else {
            for offset in 0..<count
            where ASCII.lowercase(self[range.lowerBound &+ offset])
                != wanted.load(fromByteOffset: offset, as: UInt8.self)
            {
                return false
            }
            return true
        }
        var offset = 0
        while offset < count {
            // The last eight overlap those before them, unless the count is a multiple of eight.
            let place = Swift.min(offset, count &- 8)
            let expected = wanted.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            guard ASCII.lowercase(self.word(range.lowerBound &+ place)) == expected else { return false }
            offset &+= 8
        }
        return true
    }

    /// Whether `range` reads `word`, which is in lower case, in any case of letters.
    func matches(_ range: Range<Int>, _ word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        return hasPrefix(range, word)
    }

    /// Whether `range` begins with `word`, which is in lower case, in any case of letters.
    func hasPrefix(_ range: Range<Int>, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard range.count >= count else { return false }
        return word.withUTF8Buffer { wanted in
            for offset in 0..<count where ASCII.lowercase(self[range.lowerBound &+ offset]) != wanted[offset] {
                return false
            }
            return true
        }
    }

    /// Whether `range` and `other` are equal.
    func equals(_ range: Range<Int>, _ other: [UInt8]) -> Bool {
        let count = other.count
        guard range.count == count else { return false }
        let known = other.span
        guard count >= 8 else {
            for offset in 0..<count where self[range.lowerBound &+ offset] != known[offset] { return false }
            return true
        }
        var offset = 0
        while offset < count {
            // The last eight overlap those before them, unless the count is a multiple of eight.
            let place = Swift.min(offset, count &- 8)
            guard word(range.lowerBound &+ place) == known.word(place) else { return false }
            offset &+= 8
        }
        return true
    }

    /// Whether `range` and `other` are equal but for the case of letters.
    func matches(_ range: Range<Int>, _ other: [UInt8]) -> Bool {
        matches(range, in: other.span, other.indices)
    }

    /// Whether two ranges are equal but for the case of letters.
    func matches(_ range: Range<Int>, _ other: Range<Int>) -> Bool {
        matches(range, in: self, other)
    }

    private func matches(_ range: Range<Int>, in bytes: Span<UInt8>, _ other: Range<Int>) -> Bool {
        let count = range.count
        guard count == other.count else { return false }
        var offset = 0
        while offset &+ 8 <= count {
            let (one, two) = (word(range.lowerBound &+ offset), bytes.word(other.lowerBound &+ offset))
            guard one == two || ASCII.lowercase(one) == ASCII.lowercase(two) else { return false }
            offset &+= 8
        }
        while offset < count {
            let (one, two) = (self[range.lowerBound &+ offset], bytes[other.lowerBound &+ offset])
            guard ASCII.lowercase(one) == ASCII.lowercase(two) else { return false }
            offset &+= 1
        }
        return true
    }

    /// Whether `range` is a field name: not empty, and of nothing but token octets (RFC 9110 §5.6.2).
    func isToken(_ range: Range<Int>) -> Bool {
        if range.count >= 8, isLettersAndHyphens(range) { return true }
        var position = range.lowerBound
        while position < range.upperBound {
            guard ASCII.isTokenOctet(self[position]) else { return false }
            position &+= 1
        }
        return !range.isEmpty
    }

    /// Whether `range`, of eight octets or more, holds nothing but letters and hyphens.
    private func isLettersAndHyphens(_ range: Range<Int>) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound {
            // The last eight overlap those before them, unless the count is a multiple of eight.
            guard ASCII.areLettersOrHyphens(word(Swift.min(position, range.upperBound &- 8))) else { return false }
            position &+= 8
        }
        return true
    }

    /// The offset of the first control character at or behind `start` and before `end`, or `end`. Looks at eight octets
    /// at a time.
    @inline(__always)
    func endOfText(from start: Int, below end: Int) -> Int {
        var position = start
        while end &- position >= 8 {
            // The first octet has to be the lowest one.
            let controls = ASCII.controls(UInt64(littleEndian: word(position)))
            guard controls == 0 else { return position &+ controls.trailingZeroBitCount / 8 }
            position &+= 8
        }
        while position < end, self[position] >= ASCII.space, self[position] != ASCII.delete { position += 1 }
        return position
    }

    /// Whether `octet` stands anywhere in `range`.
    func contains(_ octet: UInt8, in range: Range<Int>) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound {
            if self[position] == octet { return true }
            position &+= 1
        }
        return false
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
