import OverlayWire

/// One way to the peer, with what is known about it. Congestion state belongs to the path (RFC 9000 §9.4).
///
/// An object: it is looked at several times for each packet, and a value of its size is copied each time.
final class Path {
    let endpoint: Endpoint
    /// Distinguishes this path from the session's earlier ones.
    let serial: UInt32
    /// The largest UDP payload sent on it.
    let packetSize: Int
    var roundTrip = RoundTripEstimator()
    var congestion: Congestion
    var pacer = Pacer()
    /// Bytes sent and neither acknowledged nor lost.
    var bytesInFlight = 0
    /// When an authenticated packet last came from there.
    var heardAt: Instant

    init(endpoint: Endpoint, serial: UInt32, algorithm: CongestionAlgorithm, at now: Instant) {
        self.endpoint = endpoint
        self.serial = serial
        packetSize = endpoint.isRelay ? PacketLayout.relayedPathSize : PacketLayout.minimumPathSize
        congestion = Congestion(algorithm, packetSize: packetSize)
        heardAt = now
    }

    /// Whether the window takes one more full packet.
    var hasWindow: Bool { bytesInFlight + packetSize <= congestion.window }

    var pacingRate: UInt64 { congestion.pacingRate(roundTrip: roundTrip.smoothed) }

    /// Takes the outcome of an ACK frame.
    func acknowledge(_ outcome: LossRecovery.Outcome, at now: Instant) {
        guard outcome.ackedBytes > 0, let sentAt = outcome.largestSentAt else { return }
        bytesInFlight = max(0, bytesInFlight - outcome.ackedBytes)
        congestion.acknowledge(
            CongestionAck(
                byteCount: outcome.ackedBytes,
                sentAt: sentAt,
                now: now,
                bytesInFlight: bytesInFlight,
                roundTrip: roundTrip,
                isAppLimited: outcome.isAppLimited
            )
        )
    }

    /// Takes the outcome of loss detection.
    func lose(_ summary: LossRecovery.LossSummary, at now: Instant) {
        guard summary.byteCount > 0, let sentAt = summary.latestSentAt else { return }
        bytesInFlight = max(0, bytesInFlight - summary.byteCount)
        congestion.lose(
            CongestionLoss(byteCount: summary.byteCount, sentAt: sentAt, now: now, isPersistent: summary.isPersistent)
        )
    }
}
