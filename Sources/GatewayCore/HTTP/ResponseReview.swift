/// Decides about the head of a response: refuse it, or forward it with these edits.
struct ResponseReview {
    let framing: MessageReader.Framing
    let body: BodyTransform

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
        let review = try HeadReview(bytes, head, to: .client(fromPeer: exposed?.isBridge ?? true))
        guard (100...999).contains(head.status) else { throw .startLine }
        let isUpgrade = head.status == 101
        guard !isUpgrade || request.asksUpgrade else { throw .startLine }
        framing = try Self.framing(bytes, head, review, to: request)
        let kept: ConnectionOptions = isUpgrade ? [.close, .keepAlive, .upgrade] : [.close, .keepAlive]
        let exchange = head.status >= 200 ? request.exchange : nil
        let challenges = Self.isChallenge(head) ? exposed?.challenges : nil
        if exchange != nil || challenges != nil { head.noteAllFields(bytes) }
        let change = exchange?.receive(response: ResponseHead(head, bytes))
        body = change ?? .pass
        if review.isClean(keeping: kept), change == nil, challenges == nil, exposed == nil || !review.hasLocation {
            return
        }
        for line in head.lines {
            if let exposed, line.field == .location {
                let edit = change == nil ? nil : exchange?.edit(response: HeadField(line, of: head, bytes))
                if edit == .remove {
                    edits.remove(head.line(line.index, headCount: bytes.count))
                    continue
                }
                Self.editLocation(line.value, bytes, request, exposed, &edits)
                continue
            }
            // What is true of the agent's form is not known of the changed one.
            if request.isHead, case .collect? = change, line.field == .contentLength {
                edits.remove(head.line(line.index, headCount: bytes.count))
                continue
            }
            let count = edits.count
            try review.editHopField(line, bytes, head, keeping: kept, into: &edits)
            guard line.field == .other, edits.count == count else { continue }
            if let challenges, bytes.matches(head.name(line.index), "www-authenticate") {
                let edit = challenges.edit(bytes.copy(line.value), for: request.clientAuthority)
                edits.apply(edit, to: line, of: head, headCount: bytes.count)
            } else if change != nil, let exchange {
                let edit = exchange.edit(response: HeadField(line, of: head, bytes))
                edits.apply(edit, to: line, of: head, headCount: bytes.count)
            }
        }
    }

    // RFC 6750 §3: 401 asks for a token, 403 for one with a larger scope.
    private static func isChallenge(_ head: MessageHead) -> Bool { head.status == 401 || head.status == 403 }

    /// The agent knows itself by its upstream authority, or by what means something on its own host only; its client
    /// knows it by the authority of the request. A redirect to the former is one to the latter.
    private static func editLocation(
        _ value: Range<Int>,
        _ bytes: Span<UInt8>,
        _ request: PendingRequest,
        _ policy: ExposePolicy,
        _ edits: inout HeadEdits
    ) {
        guard !request.clientAuthority.isEmpty,
            let origin = Origin(bytes, prefixOf: value, portWithoutScheme: policy.defaultPort),
            policy.isOwn(origin, in: bytes)
        else { return }
        edits.replace(origin.range) { output in
            output.append("http://")
            output.append(contentsOf: request.clientAuthority)
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
            var position = encoding.lowerBound
            while let coding = ConnectionOptions.nextToken(bytes, encoding, &position) {
                guard coding.lowerBound >= start || !bytes.matches(coding, "chunked") else { throw .transferEncoding }
            }
            return .chunked
        }
        guard let count = review.contentLength else { return .untilClose }
        return count > 0 ? .length(count) : .none
    }
}
