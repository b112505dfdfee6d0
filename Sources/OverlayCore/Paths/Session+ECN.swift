import OverlayWire
import PosternModel

// Congestion marks on the path in use (RFC 9000 §13.4).
extension Session {
    /// The mark of packets that leave on the path in use at `now`.
    func codepoint(at now: Instant) -> ECNCodepoint {
        guard let path else { return .notECT }
        let maxAckDelay = recovery.peerMaxAckDelay
        return path.ecn.codepoint(at: now, probeTimeout: path.roundTrip.probeTimeout(maxAckDelay: maxAckDelay))
    }

    /// An ACK frame with a larger largest number than all before told `counts`, and what `outcome` says.
    func noteMarks(_ counts: ECNCounts?, _ outcome: LossRecovery.Outcome, shared: inout Shared, at now: Instant) {
        guard let path else { return }
        let before = reportedMarks
        // The peer counts over the whole session: on a new path only what is added matters.
        if let counts { reportedMarks = counts }
        let news = path.ecn.acknowledge(marked: outcome.markedCount, before: before, after: counts)
        guard news > 0, let sentAt = outcome.largestSentAt else { return }
        shared.statistics.congestionMarks += UInt64(news)
        path.congestion.mark(CongestionMark(packetCount: news, sentAt: sentAt, now: now))
    }
}
