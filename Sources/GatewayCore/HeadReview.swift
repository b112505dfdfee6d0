/// What both directions have in common: which fields frame the message, and which are for this hop only.
struct HeadReview {
    private(set) var options: ConnectionOptions = []
    private(set) var hostCount = 0
    /// Where the last `Host`, `Origin`, `Upgrade` and `Location` have their values, without white space around them.
    private(set) var host: Range<Int>?
    private(set) var originCount = 0
    private(set) var origin: Range<Int>?
    private(set) var upgrade: Range<Int>?
    private(set) var upgradeCount = 0
    private(set) var contentLength: UInt64?
    private(set) var encodingCount = 0
    private(set) var encoding: Range<Int>?
    /// Whether any field is for this hop only, or ours.
    private(set) var hasFieldsToRemove = false
    private(set) var hasLocation = false

    /// Goes through the fields of `head` once.
    init(_ bytes: Span<UInt8>, _ head: MessageHead) throws(HeadFault) {
        for index in 0..<head.fieldCount {
            let value = bytes.trimmed(head.value(index))
            switch KnownField(bytes, head.name(index)) {
            case .host:
                hostCount += 1
                host = value
            case .origin:
                originCount += 1
                origin = value
            case .connection: options.formUnion(ConnectionOptions(bytes, value))
            case .upgrade:
                upgradeCount += 1
                upgrade = value
                hasFieldsToRemove = true
            case .keepAlive, .proxyConnection, .te, .postern: hasFieldsToRemove = true
            case .contentLength:
                guard contentLength == nil, let number = Self.number(bytes, value) else { throw .contentLength }
                contentLength = number
            case .transferEncoding:
                encodingCount += 1
                encoding = value
            case .location: hasLocation = true
            case .expect, .authorization, .other: break
            }
        }
        if contentLength != nil, encodingCount > 0 { throw .lengthAndChunks }
        guard encodingCount <= 1, encodingCount == 0 || head.isVersion11 else { throw .transferEncoding }
    }

    // RFC 9112 §6.2: one or more digits, nothing else. Eighteen of them fit a signed 64-bit number.
    private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        guard (1...18).contains(range.count) else { return nil }
        var value: UInt64 = 0
        for position in range {
            guard ASCII.isDigit(bytes[position]) else { return nil }
            value = value * 10 + UInt64(bytes[position] &- 0x30)
        }
        return value
    }

    /// Whether the head can stay as it is, as far as fields for this hop only are concerned.
    func isClean(keeping kept: ConnectionOptions) -> Bool {
        !hasFieldsToRemove && options.subtracting(kept).isEmpty
    }

    /// Records the edits of one field, if it is for this hop only or ours.
    ///
    /// One client connection is one upstream connection here, so `close` and `keep-alive` are as true at the next hop
    /// as at this one and stay; so does `Transfer-Encoding`, since chunks are forwarded as they are.
    func editHopField(
        _ index: Int,
        _ bytes: Span<UInt8>,
        _ head: MessageHead,
        keeping kept: ConnectionOptions,
        removingOurs: Bool,
        into edits: inout HeadEdits
    ) throws(HeadFault) {
        let name = head.name(index)
        let line = head.line(index, headCount: bytes.count)
        let field = KnownField(bytes, name)
        switch field {
        case .keepAlive, .proxyConnection, .te: edits.remove(line)
        case .postern: if removingOurs { edits.remove(line) }
        case .upgrade: if !kept.contains(.upgrade) { edits.remove(line) }
        case .connection:
            let value = bytes.trimmed(head.value(index))
            let own = ConnectionOptions(bytes, value)
            if own.subtracting(kept).isEmpty { return }
            if own.isDisjoint(with: kept) {
                edits.remove(line)
            } else {
                edits.replace(value) { ConnectionOptions.append(bytes, value, keeping: kept, to: &$0) }
            }
        case .host, .contentLength, .transferEncoding:
            if isNominated(name, bytes, head) { throw .nominatedField }
        case .origin, .location, .expect, .authorization, .other:
            if isNominated(name, bytes, head) { edits.remove(line) }
        }
    }

    private func isNominated(_ name: Range<Int>, _ bytes: Span<UInt8>, _ head: MessageHead) -> Bool {
        guard options.contains(.nominations) else { return false }
        for index in 0..<head.fieldCount where KnownField(bytes, head.name(index)) == .connection {
            let list = head.value(index)
            var position = list.lowerBound
            while let token = ConnectionOptions.nextToken(bytes, list, &position) {
                if bytes.matches(token, name) { return true }
            }
        }
        return false
    }
}

extension MessageHead {
    /// A whole field, from its name's first byte behind its line end.
    func line(_ index: Int, headCount: Int) -> Range<Int> {
        let end = index + 1 < fieldCount ? name(index + 1).lowerBound : headCount - 2
        return name(index).lowerBound..<end
    }
}
