/// Decides about the head of a request: refuse it, or forward it with these edits.
struct RequestReview {
    let request: PendingRequest
    let framing: MessageReader.Framing

    /// Reviews `head`, which was parsed from `bytes`, and records in `edits` what must change.
    ///
    /// - Parameter knownAuthority: the last client authority of this connection, so that it need not be copied again.
    init(
        _ bytes: Span<UInt8>,
        _ head: MessageHead,
        policy: ForwardingPolicy,
        knownAuthority: [UInt8],
        edits: inout HeadEdits
    ) throws(HeadFault) {
        let review = try HeadReview(bytes, head, to: .agent)
        guard review.hostCount == 1, let host = review.host else { throw .host }
        let isKnown = !host.isEmpty && bytes.equals(host, knownAuthority)
        try Self.checkStart(bytes, head, host, &edits)
        try Self.check(host, isKnown: isKnown, bytes, review, policy)
        let asksUpgrade = policy.offersUpgrade && Self.asksWebSocket(bytes, head, review)
        let kept: ConnectionOptions = asksUpgrade ? [.close, .keepAlive, .upgrade] : [.close, .keepAlive]
        let exchange = policy.bodies?.exchange(head, bytes, host: host)
        try Self.edit(bytes, head, review, policy: policy, exchange: exchange, keeping: kept, into: &edits)
        framing = try Self.framing(bytes, review)
        request = PendingRequest(
            isHead: head.isHeadRequest,
            asksUpgrade: asksUpgrade,
            clientAuthority: isKnown ? knownAuthority : bytes.copy(host),
            exchange: exchange
        )
    }

    /// Checks request line and `Host`; an absolute target becomes the path that it names (RFC 9112 §3.2).
    private static func checkStart(
        _ bytes: Span<UInt8>,
        _ head: MessageHead,
        _ host: Range<Int>,
        _ edits: inout HeadEdits
    ) throws(HeadFault) {
        let target = head.target
        guard !head.isConnectRequest else { throw .connectMethod }
        guard isLine(bytes, head) else { throw .startLine }
        guard !bytes.contains(UInt8(ascii: "#"), in: target) else { throw .target }
        if bytes[target.lowerBound] == UInt8(ascii: "/") { return }
        if target.count == 1, bytes[target.lowerBound] == UInt8(ascii: "*"), head.isOptionsRequest { return }
        // RFC 9112 §3.2.2: an absolute target and Host must agree, or two readers route by different ones.
        guard let authority = Authority(bytes, host) else { throw .host }
        guard let origin = Origin(bytes, prefixOf: target), origin.defaultPort == 80,
            bytes.matches(origin.authority.host, authority.host),
            (origin.authority.port ?? 80) == (authority.port ?? 80)
        else { throw .target }
        let hasPath = origin.range.upperBound < target.upperBound && bytes[origin.range.upperBound] == UInt8(ascii: "/")
        let isWhole = origin.range.upperBound == target.upperBound
        edits.replace(origin.range) { output in
            if !hasPath { output.append(isWhole && head.isOptionsRequest ? "*" : "/") }
        }
    }

    /// Whether the request line is a method, a target and a version with one space between (RFC 9112 §3).
    static func isLine(_ bytes: Span<UInt8>, _ head: MessageHead) -> Bool {
        let target = head.target
        guard target.lowerBound >= 2, !target.isEmpty, bytes.count > target.upperBound + 10 else { return false }
        return bytes.isToken(0..<target.lowerBound - 1) && bytes[target.lowerBound - 1] == ASCII.space
            && bytes[target.upperBound] == ASCII.space
            && isVersion(bytes, target.upperBound + 1..<target.upperBound + 9)
            && bytes[target.upperBound + 9] == ASCII.carriageReturn
    }

    private static func isVersion(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        bytes.reads(range, "http/1.1") || bytes.reads(range, "http/1.0")
    }

    /// Refuses other hosts, and pages of other origins: behind us the agent cannot tell them any more.
    ///
    /// - Parameter isKnown: an earlier request of this connection had the same host.
    private static func check(
        _ host: Range<Int>,
        isKnown: Bool,
        _ bytes: Span<UInt8>,
        _ review: HeadReview,
        _ policy: ForwardingPolicy
    ) throws(HeadFault) {
        if !isKnown {
            guard let authority = Authority(bytes, host) else { throw .host }
            if case .reach(let reach) = policy, !reach.names.contain(authority, in: bytes) { throw .foreignHost }
        }
        guard case .reach(let reach) = policy, reach.checksOrigins else { return }
        if let origin = review.origin {
            guard review.originCount == 1 else { throw .foreignOrigin }
            if reach.origins.allow(bytes, origin) { return }
            guard isOwn(origin, of: host, bytes, reach.names) else { throw .foreignOrigin }
        }
        guard !review.isCrossSite else { throw .foreignOrigin }
    }

    /// Whether the page at `origin` came from this very port: under any of our names, and the port of `Host`.
    private static func isOwn(
        _ origin: Range<Int>,
        of host: Range<Int>,
        _ bytes: Span<UInt8>,
        _ names: OwnNames
    ) -> Bool {
        guard let named = Origin(bytes, prefixOf: origin), named.range.upperBound == origin.upperBound,
            names.contain(named.authority, in: bytes), let authority = Authority(bytes, host)
        else { return false }
        return (named.authority.port ?? named.defaultPort) == (authority.port ?? 80)
    }

    private static func asksWebSocket(_ bytes: Span<UInt8>, _ head: MessageHead, _ review: HeadReview) -> Bool {
        guard head.isVersion11, review.options.contains(.upgrade), review.upgradeCount == 1 else { return false }
        // A length of zero is no body; some clients send it with every handshake.
        guard (review.contentLength ?? 0) == 0, review.encodingCount == 0, let upgrade = review.upgrade else {
            return false
        }
        return bytes.matches(upgrade, "websocket")
    }

    private static func edit(
        _ bytes: Span<UInt8>,
        _ head: MessageHead,
        _ review: HeadReview,
        policy: ForwardingPolicy,
        exchange: (any Exchange)?,
        keeping kept: ConnectionOptions,
        into edits: inout HeadEdits
    ) throws(HeadFault) {
        var exposed: ExposePolicy?
        switch policy {
        case .reach, .passthrough:
            if review.isClean(keeping: kept), exchange == nil { return }
        case .expose(let policy): exposed = policy
        }
        let identityNames = exposed?.identityNames ?? []
        if exchange != nil || !identityNames.isEmpty { head.noteAllFields(bytes) }
        if let exchange {
            if let target = exchange.newTarget { edits.replace(head.target) { $0.append(contentsOf: target) } }
        }
        let isLast = exchange?.isLast ?? false
        for line in head.lines {
            if exposed != nil || isLast, line.field == .host {
                let host = exchange?.newHost ?? exposed?.host
                let end = head.line(line.index, headCount: bytes.count).upperBound
                let start = host == nil ? end : line.value.lowerBound
                edits.replace(start..<end) { output in
                    if let host {
                        output.append(contentsOf: host)
                        output.append("\r\n")
                    }
                    if isLast { output.append("Connection: close\r\n") }
                    if let exposed {
                        output.append(contentsOf: exposed.identity)
                        if let assertion = exposed.assertion {
                            let line = "\(CallerAssertion.field): \(assertion.token())\r\n"
                            output.append(contentsOf: Array(line.utf8))
                        }
                    }
                }
            }
            if isLast, line.field == .connection {
                edits.remove(head.line(line.index, headCount: bytes.count))
                continue
            }
            if !identityNames.isEmpty, line.field == .other,
                identityNames.contains(IdentityFields.fold(bytes, head.name(line.index)))
            {
                edits.remove(head.line(line.index, headCount: bytes.count))
                continue
            }
            let count = edits.count
            try review.editHopField(line, bytes, head, keeping: kept, into: &edits)
            guard let exchange, line.field == .other, edits.count == count else { continue }
            let edit = exchange.edit(request: HeadField(line, of: head, bytes))
            edits.apply(edit, to: line, of: head, headCount: bytes.count)
        }
    }

    // RFC 9112 §6.3: what a request does not announce, it does not have.
    private static func framing(
        _ bytes: Span<UInt8>,
        _ review: HeadReview
    ) throws(HeadFault) -> MessageReader.Framing {
        if let encoding = review.encoding {
            guard bytes.matches(encoding, "chunked") else { throw .transferEncoding }
            return .chunked
        }
        guard let count = review.contentLength, count > 0 else { return .none }
        return .length(count)
    }
}
