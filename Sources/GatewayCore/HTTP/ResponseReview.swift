/// Decides about the head of a response: refuse it, or forward it with these edits.
struct ResponseReview {
    let framing: MessageReader.Framing

    /// Reviews `head`, which was parsed from `bytes` and answers `request`.
    init(
        _ bytes: Span<UInt8>,
        _ head: MessageHead,
        to request: PendingRequest,
        policy: ForwardingPolicy,
        edits: inout HeadEdits
    ) throws(HeadFault) {
        var exposed: ExposePolicy?
        switch policy {
        case .reach, .passthrough: break
        case .expose(let policy): exposed = policy
        }
        let review = try HeadReview(bytes, head, to: .client(fromPeer: exposed == nil))
        guard (100...999).contains(head.status) else { throw .startLine }
        let isUpgrade = head.status == 101
        guard !isUpgrade || request.asksUpgrade else { throw .startLine }
        framing = try Self.framing(bytes, head, review, to: request)
        let kept: ConnectionOptions = isUpgrade ? [.close, .keepAlive, .upgrade] : [.close, .keepAlive]
        if review.isClean(keeping: kept), exposed == nil || !review.hasLocation { return }
        for line in head.lines {
            if let exposed, line.field == .location {
                Self.editLocation(line.value, bytes, request, exposed, &edits)
                continue
            }
            try review.editHopField(line, bytes, head, keeping: kept, into: &edits)
        }
    }

    /// The agent knows itself by its upstream authority; its client knows it by the authority of the request. A
    /// redirect to the former is one to the latter.
    private static func editLocation(
        _ value: Range<Int>,
        _ bytes: Span<UInt8>,
        _ request: PendingRequest,
        _ policy: ExposePolicy,
        _ edits: inout HeadEdits
    ) {
        guard !request.clientAuthority.isEmpty, let origin = Origin(bytes, prefixOf: value) else { return }
        for known in policy.upstreamAuthorities {
            let span = known.span
            guard let authority = Authority(span, known.indices) else { continue }
            let port = authority.port ?? 80
            guard (origin.authority.port ?? origin.defaultPort) == port,
                bytes.matches(origin.authority.host, Array(known[authority.host]))
            else { continue }
            edits.replace(origin.range) { output in
                output.append("http://")
                output.append(contentsOf: request.clientAuthority)
            }
            return
        }
    }

    /// Whether a response with this status to `request` ends with its head (RFC 9112 §6.3 rule 1).
    static func hasNoBody(status: Int, to request: PendingRequest) -> Bool {
        request.isHead || status / 100 == 1 || status == 204 || status == 304
    }

    private static func framing(
        _ bytes: Span<UInt8>,
        _ head: MessageHead,
        _ review: HeadReview,
        to request: PendingRequest
    ) throws(HeadFault) -> MessageReader.Framing {
        if hasNoBody(status: head.status, to: request) { return .none }
        if let encoding = review.encoding {
            // RFC 9112 §6.1: chunked comes last, and once; another coding may come before it.
            guard head.isChunked else { throw .transferEncoding }
            let start = max(encoding.lowerBound, encoding.upperBound - 7)
            guard bytes.matches(start..<encoding.upperBound, "chunked") else { throw .transferEncoding }
            return .chunked
        }
        guard let count = review.contentLength else { return .untilClose }
        return count > 0 ? .length(count) : .none
    }
}
