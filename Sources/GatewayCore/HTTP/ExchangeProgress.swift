/// How many requests of a connection came so far, and how many of them are how far answered.
package struct ExchangeCounts: Hashable, Sendable {
    /// Requests whose heads were accepted.
    package var requests: UInt64 = 0
    /// Final responses that have begun.
    package var responses: UInt64 = 0
    /// Final responses that are complete.
    package var answers: UInt64 = 0
    /// The status of the response that began last.
    package var status = 0
    /// What the peer's sidecar said in that response, in the place of its agent; nil: it is the agent's.
    package var failure: GatewayError.Code?

    package init() {}
}

/// The counts of a connection, and the lines of its requests where they are wanted for a log.
struct ExchangeProgress {
    var counts = ExchangeCounts()
    /// Method and target of requests that nobody has fetched, the oldest first.
    private var lines: [String] = []

    /// A request was accepted; `start` is method and target.
    mutating func noteRequest(_ bytes: Span<UInt8>, start: Range<Int>, isKept: Bool) {
        counts.requests += 1
        guard isKept, lines.count < HTTP1ConnectionState.pipelineLimit else { return }
        // A query may hold what is nobody else's business.
        let line = bytes.copy(start).prefix { $0 != UInt8(ascii: "?") }
        lines.append(String(decoding: line.prefix(512), as: UTF8.self))
    }

    /// A final response has begun; `isPeers`: a peer's sidecar has sent it.
    mutating func noteResponse(_ head: MessageHead, _ bytes: Span<UInt8>, isPeers: Bool) {
        counts.responses += 1
        counts.status = head.status
        counts.failure = nil
        guard isPeers, head.status >= 500 else { return }
        for line in head.lines where line.field == .posternError {
            let code = GatewayError.Code(bytes, line.value)
            if code?.isToldByPeers == true { counts.failure = code }
        }
    }

    mutating func takeLine() -> String? { lines.isEmpty ? nil : lines.removeFirst() }
}

extension ProxyConnection {
    /// How many requests came, and how far they are answered.
    package var counts: ExchangeCounts { http.progress.counts }

    /// Method and target, without its query, of the oldest request whose line was not taken; nil where lines are not
    /// kept.
    package mutating func takeRequestLine() -> String? { http.progress.takeLine() }
}
