import OverlayWire

/// One way to the peer, with what is known about it. Congestion state belongs to the path (RFC 9000 §9.4).
///
/// An object: it is looked at several times for each packet, and a value of its size is copied each time.
final class Path {
    let endpoint: Endpoint
    /// Distinguishes this path from the session's earlier ones.
    let serial: UInt32
    /// The largest UDP payload sent on it, beside probes.
    private(set) var packetSize: Int
    /// How that size is found, and given up.
    var mtu: PathMTU {
        didSet {
            guard packetSize != mtu.size else { return }
            packetSize = mtu.size
            congestion.setPacketSize(packetSize)
        }
    }
    /// Whether packets on it carry congestion marks.
    var ecn: ECNValidation
    var roundTrip = RoundTripEstimator()
    var congestion: Congestion
    var pacer = Pacer()
    /// Bytes sent and neither acknowledged nor lost.
    var bytesInFlight = 0
    /// When an authenticated packet last came from there.
    private(set) var heardAt: Instant
    /// What may be sent there, while the address has not proven itself.
    var allowance: AddressAllowance?

    /// A path to `endpoint`. `maximumPacketSize`: what is of use, if the path carries it.
    init(
        endpoint: Endpoint,
        serial: UInt32,
        algorithm: CongestionAlgorithm,
        maximumPacketSize: Int,
        at now: Instant
    ) {
        self.endpoint = endpoint
        self.serial = serial
        mtu = PathMTU(endpoint: endpoint, limit: maximumPacketSize)
        packetSize = mtu.size
        ecn = ECNValidation(isUsable: !endpoint.isRelay)
        congestion = Congestion(algorithm, packetSize: packetSize)
        heardAt = now
    }

    /// An authenticated packet came from there: the peer has our answer, so it receives there.
    func hear(at now: Instant) {
        heardAt = now
        allowance = nil
    }

    /// Whether nothing may be sent before the peer has been heard.
    var isBlocked: Bool { allowance.map { $0.left < AddressAllowance.worthwhile } ?? false }

    /// The largest packet that may be sent now.
    var sendSize: Int { allowance.map { min($0.left, packetSize) } ?? packetSize }

    /// Bytes were sent there.
    func spend(_ byteCount: Int) { allowance?.spend(byteCount) }

    /// Whether the window takes one more full packet.
    var hasWindow: Bool { bytesInFlight + packetSize <= congestion.window }

    var pacingRate: UInt64 { congestion.pacingRate(roundTrip: roundTrip.smoothed) }

    /// Takes the outcome of an ACK frame.
    func acknowledge(_ outcome: LossRecovery.Outcome, at now: Instant) {
        guard outcome.ackedBytes > 0, let sentAt = outcome.largestSentAt else { return }
        bytesInFlight = max(0, bytesInFlight - outcome.ackedBytes)
        mtu.acknowledge(byteCount: outcome.ackedBytes, largeSentAt: outcome.largeSentAt)
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
        bytesInFlight = max(0, bytesInFlight - summary.byteCount - summary.probeByteCount)
        // RFC 9000 §14.4: the loss of a probe is not a sign of congestion.
        guard summary.byteCount > 0, let sentAt = summary.latestSentAt else { return }
        ecn.lose(marked: summary.markedCount)
        mtu.lose(
            largeSentAt: summary.largeSentAt,
            smallSentAt: summary.smallSentAt,
            timeouts: summary.timeouts,
            at: now
        )
        congestion.lose(
            CongestionLoss(byteCount: summary.byteCount, sentAt: sentAt, now: now, isPersistent: summary.isPersistent)
        )
    }
}
