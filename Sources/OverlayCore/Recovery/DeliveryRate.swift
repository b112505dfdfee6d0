import PosternModel

/// How fast a path delivers: one sample per ACK frame (draft-cheng-iccrg-delivery-rate-estimation-02;
/// draft-ietf-ccwg-bbr §4.1).
///
/// Each packet carries a ``Stamp`` of what was delivered when it left. When it arrives, what was delivered meanwhile
/// and the time that took are a sample of the rate: the time is the longer one of sending and of acknowledging, so that
/// neither a burst nor acknowledgements that come in clumps look like a fast path.
struct DeliveryRate {
    /// Bytes that arrived.
    private(set) var delivered: UInt64 = 0
    /// Bytes that were declared lost and have not arrived after all.
    private(set) var lost: UInt64 = 0
    /// When ``delivered`` last grew, or sending began anew with nothing in flight.
    private var deliveredAt = Instant(nanoseconds: 0)
    /// When the packet left that ended the last sample, or sending began anew.
    private var firstSentAt = Instant(nanoseconds: 0)
    /// The application limits the rate until this much is delivered; 0 when it does not.
    private var appLimitedUntil: UInt64 = 0

    /// What a packet carries of the moment it left.
    struct Stamp {
        var delivered: UInt64 = 0
        var lost: UInt64 = 0
        var deliveredAt = Instant(nanoseconds: 0)
        var firstSentAt = Instant(nanoseconds: 0)
        /// Bytes in flight with this packet.
        var bytesInFlight: UInt32 = 0
        /// Whether the application had nothing more to send.
        var isAppLimited = false
    }

    /// A packet of `byteCount` leaves while `bytesInFlight` are on their way.
    mutating func stamp(byteCount: Int, bytesInFlight: Int, at now: Instant) -> Stamp {
        if bytesInFlight == 0 {
            firstSentAt = now
            deliveredAt = now
        }
        return Stamp(
            delivered: delivered,
            lost: lost,
            deliveredAt: deliveredAt,
            firstSentAt: firstSentAt,
            bytesInFlight: UInt32(clamping: bytesInFlight + byteCount),
            isAppLimited: appLimitedUntil > 0
        )
    }

    /// Nothing waits although more might leave: what leaves until all in flight has arrived says nothing about the
    /// path.
    mutating func noteAppLimited(bytesInFlight: Int) {
        appLimitedUntil = max(1, delivered + UInt64(max(0, bytesInFlight)))
    }

    /// The packet arrived. The sample of the ACK frame measures the one that left last.
    mutating func deliver(_ packet: SentPacket, at now: Instant, into measurement: inout Measurement?) {
        delivered += UInt64(packet.byteCount)
        deliveredAt = now
        if let measurement, packet.sentAt < measurement.sentAt { return }
        measurement = Measurement(
            sentAt: packet.sentAt,
            stamp: packet.stamp,
            sendElapsed: packet.sentAt - packet.stamp.firstSentAt,
            ackElapsed: now - packet.stamp.deliveredAt
        )
        firstSentAt = packet.sentAt
    }

    /// The packet was declared lost.
    mutating func lose(_ packet: SentPacket) { lost += UInt64(packet.byteCount) }

    /// A packet arrived that was declared lost.
    mutating func noteSpuriousLoss(_ packet: SentPacket, at now: Instant) {
        lost -= min(lost, UInt64(packet.byteCount))
        delivered += UInt64(packet.byteCount)
        deliveredAt = now
    }

    /// An ACK frame that is being read.
    struct Measurement {
        fileprivate var sentAt: Instant
        fileprivate var stamp: Stamp
        fileprivate var sendElapsed: Interval
        fileprivate var ackElapsed: Interval
    }

    /// The sample of an ACK frame that is read to its end. `minimum`: the shortest round trip of the path; what took
    /// less has no rate, since packets cannot have been measured over a whole round trip.
    mutating func sample(_ measurement: Measurement, minimum: Interval) -> RateSample {
        if delivered > appLimitedUntil { appLimitedUntil = 0 }
        let stamp = measurement.stamp
        let interval = max(measurement.sendElapsed, measurement.ackElapsed)
        let bytes = delivered - min(delivered, stamp.delivered)
        let isMeasured = interval >= minimum && interval > .zero
        return RateSample(
            bytesPerSecond: isMeasured ? UInt64(min(Double(bytes) / interval.seconds, 1e15)) : nil,
            delivered: Int(bytes),
            deliveredBefore: stamp.delivered,
            lost: Int(lost - min(lost, stamp.lost)),
            bytesInFlight: Int(stamp.bytesInFlight),
            isAppLimited: stamp.isAppLimited
        )
    }
}

/// What one ACK frame shows of the path since its largest new packet left.
struct RateSample {
    /// The rate of delivery; nil when too little time passed to tell.
    var bytesPerSecond: UInt64?
    /// Bytes delivered since the packet left.
    var delivered: Int
    /// Bytes that had been delivered when it left.
    var deliveredBefore: UInt64
    /// Bytes lost since it left.
    var lost: Int
    /// Bytes in flight when it left, with itself.
    var bytesInFlight: Int
    var isAppLimited: Bool
}
