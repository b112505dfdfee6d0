import PosternModel

/// One way to the peer, with what is known about it. Congestion state belongs to the path (RFC 9000 §9.4).
///
/// An object: it is looked at several times for each packet, and a value of its size is copied each time.
final class Path {
    /// Where it runs.
    let addresses: AddressPair
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
    let congestion: any Congestion
    var pacer = Pacer()
    private(set) var delivery = DeliveryRate()
    /// When the round trip was first measured.
    private(set) var measuredAt: Instant?
    /// Bytes sent and neither acknowledged nor lost.
    private(set) var bytesInFlight = 0
    /// When an authenticated packet last came from there.
    private(set) var heardAt: Instant
    /// What may be sent there, while the address has not proven itself.
    var amplificationLimit: AntiAmplificationLimit?

    /// A path between `addresses`. `maximumPacketSize`: what is of use, if the path carries it. `seed`: for the
    /// controller.
    init(
        addresses: AddressPair,
        serial: UInt32,
        algorithm: CongestionAlgorithm,
        maximumPacketSize: Int,
        seed: UInt64,
        at now: Instant
    ) {
        self.addresses = addresses
        self.serial = serial
        mtu = PathMTU(endpoint: addresses.remote, limit: maximumPacketSize)
        packetSize = mtu.size
        ecn = ECNValidation(isUsable: !addresses.isDetour)
        congestion = algorithm.controller(packetSize: packetSize, seed: seed)
        heardAt = now
    }

    var isRelayed: Bool { addresses.isRelayed }
    var isDetour: Bool { addresses.isDetour }

    /// An authentic packet of `byteCount` bytes came from there.
    func hear(_ byteCount: Int, at now: Instant) {
        heardAt = now
        guard let limit = amplificationLimit else { return }
        switch limit.proof {
        case .authenticPacket: amplificationLimit = nil
        case .pathResponse: amplificationLimit?.receive(byteCount)
        }
    }

    /// Whether the peer has to answer a challenge there before it counts as reached.
    var needsPathResponse: Bool {
        switch amplificationLimit?.proof {
        case .pathResponse?: true
        case .authenticPacket?, nil: false
        }
    }

    /// Whether nothing may be sent before the peer has been heard.
    var isBlocked: Bool { amplificationLimit.map { $0.room < AntiAmplificationLimit.worthwhile } ?? false }

    /// The largest packet that may be sent now.
    var sendSize: Int { amplificationLimit.map { min($0.room, packetSize) } ?? packetSize }

    /// Bytes were sent there.
    func spend(_ byteCount: Int) { amplificationLimit?.spend(byteCount) }

    /// Whether the window takes one more full packet.
    var hasWindow: Bool { bytesInFlight + packetSize <= congestion.window }

    var pacingRate: UInt64 { congestion.pacingRate(roundTrip: roundTrip.smoothed) }

    /// How many bytes the pacer lets go now.
    func pacedBytes(at now: Instant) -> Int {
        pacer.allowInitialBurst(packetSize: packetSize, bytesInFlight: bytesInFlight)
        return pacer.allowance(rate: pacingRate, packetSize: packetSize, at: now)
    }

    /// The application has nothing to send though the path would take more.
    func noteAppLimited() {
        if hasWindow { delivery.noteAppLimited(bytesInFlight: bytesInFlight) }
    }

    /// Takes the time that the handshake took which led to the path.
    func measure(handshake roundTrip: Interval, at now: Instant) {
        if measuredAt == nil { measuredAt = now }
        self.roundTrip.sample(handshake: roundTrip)
    }

    /// Takes the round trip of a packet.
    func measure(_ sample: Interval, ackDelay: Interval, at now: Instant) {
        if measuredAt == nil { measuredAt = now }
        roundTrip.sample(sample, ackDelay: ackDelay)
    }

    // MARK: Packets on their way

    /// The path is used again; `packets` know what is still on its way of what had left before it was not.
    func resume(_ packets: borrowing SentPackets) {
        bytesInFlight = packets.outstandingBytes(on: serial)
        if let probe = mtu.outstandingProbe, packets.outstanding(probe) == nil { mtu.forgetProbe() }
    }

    /// A packet leaves that counts as in flight.
    func depart(_ byteCount: Int, at now: Instant) -> DeliveryRate.Stamp {
        if bytesInFlight == 0 { congestion.resume(at: now) }
        let stamp = delivery.stamp(byteCount: byteCount, bytesInFlight: bytesInFlight, at: now)
        bytesInFlight += byteCount
        return stamp
    }

    /// A packet arrived.
    func deliver(_ packet: SentPacket, at now: Instant, into measurement: inout DeliveryRate.Measurement?) {
        bytesInFlight = max(0, bytesInFlight - packet.byteCount)
        delivery.deliver(packet, at: now, into: &measurement)
    }

    /// A packet that was sent to see whether its size arrives did not, or never left. That is no sign of congestion
    /// (RFC 9000 §14.4).
    func forget(sizeProbe byteCount: Int) {
        bytesInFlight = max(0, bytesInFlight - byteCount)
    }

    /// A packet was declared lost.
    func lose(_ packet: SentPacket, at now: Instant) {
        bytesInFlight = max(0, bytesInFlight - packet.byteCount)
        delivery.lose(packet)
        congestion.lose(
            CongestionLoss(
                byteCount: packet.byteCount,
                sentAt: packet.sentAt,
                now: now,
                roundTrip: roundTrip,
                bytesInFlight: Int(packet.stamp.bytesInFlight),
                lostSince: Int(delivery.lost - min(delivery.lost, packet.stamp.lost)),
                isAppLimited: packet.stamp.isAppLimited
            )
        )
    }

    /// A packet arrived that was declared lost.
    func noteSpuriousLoss(_ entry: LostPackets.Entry, at now: Instant) {
        delivery.noteSpuriousLoss(entry.packet, at: now)
        congestion.noteSpuriousLoss(SpuriousLoss(declaredAt: entry.declaredAt, now: now))
    }

    /// An ACK frame is read to its end, and its losses are known.
    func finishAck(_ outcome: LossRecovery.Outcome, measurement: DeliveryRate.Measurement?, at now: Instant) {
        guard let measurement, let sentAt = outcome.largestSentAt else { return }
        congestion.acknowledge(
            CongestionAck(
                byteCount: outcome.ackedBytes,
                sentAt: sentAt,
                now: now,
                bytesInFlightBefore: outcome.bytesInFlightBefore,
                bytesInFlight: bytesInFlight,
                roundTrip: roundTrip,
                delivered: delivery.delivered,
                sample: delivery.sample(measurement, minimum: roundTrip.minimum)
            )
        )
        if congestion.isHoldingBack { delivery.noteAppLimited(bytesInFlight: bytesInFlight) }
    }
}
