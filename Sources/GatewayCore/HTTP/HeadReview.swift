/// What both directions have in common: which fields frame the message, and which are for this hop only.
struct HeadReview {
    /// To whom the message goes on.
    enum Receiver {
        case agent
        /// Towards the client: from the agent behind us, or from a peer's sidecar.
        case client(fromPeer: Bool)
    }

    private let receiver: Receiver
    private(set) var options: ConnectionOptions = []
    private(set) var hostCount = 0
    /// Where the last `Host`, `Origin`, `Upgrade` and `Location` have their values, without white space around them.
    private(set) var host: Range<Int>?
    private(set) var originCount = 0
    private(set) var origin: Range<Int>?
    /// A browser says that a page of another site caused the request (W3C Fetch Metadata §2.3).
    private(set) var isCrossSite = false
    private(set) var upgrade: Range<Int>?
    private(set) var upgradeCount = 0
    private(set) var contentLength: UInt64?
    private(set) var encodingCount = 0
    private(set) var encoding: Range<Int>?
    /// Whether any field is for this hop only, or ours.
    private(set) var hasFieldsToRemove = false
    private(set) var hasLocation = false

    /// Goes through the classified fields of `head` once.
    init(_ bytes: Span<UInt8>, _ head: MessageHead, to receiver: Receiver) throws(HeadFault) {
        self.receiver = receiver
        for line in head.lines {
            let value = line.value
            switch line.field {
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
            case .proxyConnection, .te, .posternError, .postern: hasFieldsToRemove = true
            case .contentLength:
                guard contentLength == nil, let number = Self.number(bytes, value) else { throw .contentLength }
                contentLength = number
            case .transferEncoding:
                encodingCount += 1
                encoding = value
            case .location: hasLocation = true
            case .cookie: if CookieField.holdsOwn(bytes, value) { hasFieldsToRemove = true }
            case .setCookie: if CookieField.setsOwn(bytes, value) { hasFieldsToRemove = true }
            case .secFetchSite:
                if !bytes.matches(value, "same-origin"), !bytes.matches(value, "none") { isCrossSite = true }
            case .keepAlive: if case .agent = receiver { hasFieldsToRemove = true }
            case .expect, .authorization, .other: break
            }
        }
        // Connection may nominate any field, so every field has to be looked at.
        if options.contains(.nominations) { head.noteAllFields(bytes) }
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
    /// as at this one and stay; so does how long an agent keeps it, and `Transfer-Encoding`, since chunks are forwarded
    /// as they are.
    func editHopField(
        _ field: MessageHead.Line,
        _ bytes: Span<UInt8>,
        _ head: MessageHead,
        keeping kept: ConnectionOptions,
        into edits: inout HeadEdits
    ) throws(HeadFault) {
        let name = head.name(field.index)
        let line = head.line(field.index, headCount: bytes.count)
        switch field.field {
        case .proxyConnection, .te, .postern: edits.remove(line)
        case .posternError:
            // A peer's sidecar may say what only it can know.
            if case .client(fromPeer: true) = receiver, GatewayError.Code(bytes, field.value)?.isToldByPeers == true {
                return
            }
            edits.remove(line)
        case .upgrade: if !kept.contains(.upgrade) { edits.remove(line) }
        case .connection:
            let own = ConnectionOptions(bytes, field.value)
            if own.subtracting(kept).isEmpty { return }
            if own.isDisjoint(with: kept) {
                edits.remove(line)
            } else {
                edits.replace(field.value) { ConnectionOptions.append(bytes, field.value, keeping: kept, to: &$0) }
            }
        case .host, .contentLength, .transferEncoding:
            if isNominated(name, bytes, head) { throw .nominatedField }
        case .keepAlive: if case .agent = receiver { edits.remove(line) }
        case .cookie:
            if isNominated(name, bytes, head) { return edits.remove(line) }
            guard CookieField.holdsOwn(bytes, field.value) else { return }
            var others: [UInt8] = []
            if CookieField.appendOthers(bytes, field.value, to: &others) {
                edits.replace(field.value) { $0.append(contentsOf: others) }
            } else {
                edits.remove(line)
            }
        case .setCookie:
            if isNominated(name, bytes, head) || CookieField.setsOwn(bytes, field.value) { edits.remove(line) }
        case .origin, .location, .expect, .authorization, .secFetchSite, .other:
            if isNominated(name, bytes, head) { edits.remove(line) }
        }
    }

    private func isNominated(_ name: Range<Int>, _ bytes: Span<UInt8>, _ head: MessageHead) -> Bool {
        guard options.contains(.nominations) else { return false }
        for line in head.lines where line.field == .connection {
            var position = line.value.lowerBound
            while let token = ConnectionOptions.nextToken(bytes, line.value, &position) {
                if bytes.matches(token, name) { return true }
            }
        }
        return false
    }
}
