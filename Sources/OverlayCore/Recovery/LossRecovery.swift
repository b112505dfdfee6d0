import OverlayWire

/// Loss detection and probe time-outs of one session (RFC 9002 §6), in one packet-number space.
struct LossRecovery {
    /// RFC 9002 §6.1.1.
    static let packetThreshold: UInt64 = 3
    /// RFC 9002 §7.6.1: persistent congestion spans this many probe time-outs.
    static let persistentCongestionThreshold: Int64 = 3

    private(set) var packets: SentPackets
    private(set) var largestAcknowledged: UInt64?
    /// Consecutive probe time-outs without an acknowledgement.
    private(set) var probeCount = 0
    /// Packets that may be sent beyond the congestion window because a probe time-out fired (RFC 9002 §6.2.4).
    var probesOwed = 0
    private var lastTrackedAt: Instant?
    private var outstandingCount = 0
    private var lossTime: Instant?
    /// Since when something is outstanding without an acknowledgement of anything.
    private(set) var waitingSince: Instant?
    private let maximumProbeTimeout: Interval
    /// The other side's longest acknowledgement delay.
    var peerMaxAckDelay: Interval

    init(firstNumber: UInt64, maximumProbeTimeout: Interval, peerMaxAckDelay: Interval) {
        packets = SentPackets(next: firstNumber)
        self.maximumProbeTimeout = maximumProbeTimeout
        self.peerMaxAckDelay = peerMaxAckDelay
    }

    var hasOutstanding: Bool { outstandingCount > 0 }
    /// When the last packet left that has to arrive.
    var lastSentAt: Instant? { hasOutstanding ? lastTrackedAt : nil }

    mutating func add(_ frame: SentFrame) { packets.add(frame) }

    /// Files the packet that was just built.
    mutating func file(
        sentAt: Instant,
        byteCount: Int,
        isTracked: Bool,
        pathSerial: UInt32,
        isAppLimited: Bool,
        isMarked: Bool = false
    ) {
        packets.file(
            sentAt: sentAt,
            byteCount: byteCount,
            isTracked: isTracked,
            pathSerial: pathSerial,
            isAppLimited: isAppLimited,
            isMarked: isMarked
        )
        guard isTracked else { return }
        if outstandingCount == 0 { waitingSince = sentAt }
        outstandingCount += 1
        lastTrackedAt = sentAt
        if probesOwed > 0 { probesOwed -= 1 }
    }

    /// What an acknowledgement changed.
    struct Outcome {
        var ackedBytes = 0
        /// When the largest packet left that had to arrive and is newly acknowledged.
        var largestSentAt: Instant?
        var isAppLimited = false
        /// When the latest packet left that is newly acknowledged and larger than every path carries.
        var largeSentAt: Instant?
        /// Packets with ECT(0) that are newly acknowledged.
        var markedCount = 0
        /// When the largest packet of the frame left, if that measures the path.
        fileprivate var measuredFrom: Instant?
        /// Whether the path had been measured before.
        fileprivate var wasMeasured = false
        var lost = LossSummary()

        /// The round trip that the frame shows when it arrives at `now`: that of its largest packet, if something in
        /// the frame had to be acknowledged and is new (RFC 9002 §5.1).
        func roundTrip(at now: Instant) -> Interval? {
            guard largestSentAt != nil, let measuredFrom else { return nil }
            return now - measuredFrom
        }
    }

    /// What loss detection found.
    struct LossSummary {
        var byteCount = 0
        var packetCount = 0
        /// When the latest of the lost packets was sent.
        var latestSentAt: Instant?
        /// When the latest of those left that are larger than every path carries, and that are not.
        var largeSentAt: Instant?
        var smallSentAt: Instant?
        /// Bytes of lost probes for the path's size, which count for nothing else.
        var probeByteCount = 0
        /// Packets with ECT(0) among the lost ones.
        var markedCount = 0
        /// Probe time-outs in a row before the acknowledgement that told of the loss.
        var timeouts = 0
        var isPersistent = false

        /// Counts a packet that was lost on the path in use.
        fileprivate mutating func add(_ packet: SentPacket) {
            byteCount += packet.byteCount
            latestSentAt = max(latestSentAt ?? packet.sentAt, packet.sentAt)
            if packet.isMarked { markedCount += 1 }
            if packet.byteCount > PacketLayout.minimumPathSize {
                largeSentAt = max(largeSentAt ?? packet.sentAt, packet.sentAt)
            } else {
                smallSentAt = max(smallSentAt ?? packet.sentAt, packet.sentAt)
            }
        }
    }

    /// Begins the handling of an ACK frame with this largest number.
    func beginAck(largest: UInt64, path: Path) -> Outcome {
        var outcome = Outcome()
        if largestAcknowledged.map({ largest > $0 }) ?? true {
            outcome.measuredFrom = packets.departure(of: largest, pathSerial: path.serial)
        }
        outcome.wasMeasured = path.roundTrip.hasSample
        return outcome
    }

    /// Takes one range of an ACK frame; `body` gets every frame of every packet in it that was outstanding.
    mutating func acknowledge(
        _ range: ClosedRange<UInt64>,
        pathSerial: UInt32,
        outcome: inout Outcome,
        _ body: (SentFrame) -> Void
    ) {
        guard packets.count > 0, range.upperBound >= packets.lowest, range.lowerBound < packets.next else { return }
        // Ranges come from the highest to the lowest: the first with news has the largest packet.
        let hasLargest = outcome.largestSentAt == nil
        // Upwards in a range: what a stream is told then joins what it knows, without a set of what lies above.
        for number in max(range.lowerBound, packets.lowest)...min(range.upperBound, packets.next - 1) {
            guard let packet = packets.outstanding(number) else { continue }
            packets.settle(number)
            outstandingCount -= 1
            if packet.pathSerial == pathSerial {
                outcome.ackedBytes += packet.byteCount
                outcome.isAppLimited = outcome.isAppLimited || packet.isAppLimited
                if packet.isMarked { outcome.markedCount += 1 }
                if packet.byteCount > PacketLayout.minimumPathSize {
                    outcome.largeSentAt = max(outcome.largeSentAt ?? packet.sentAt, packet.sentAt)
                }
            }
            if hasLargest { outcome.largestSentAt = packet.sentAt }
            for position in 0..<packet.frameCount { body(packets.frame(position, of: packet)) }
        }
    }

    /// Ends the handling of an ACK frame: `largest` is its largest number. Detects losses.
    mutating func finishAck(
        largest: UInt64,
        path: Path,
        at now: Instant,
        outcome: inout Outcome,
        _ body: (SentFrame) -> Void
    ) {
        largestAcknowledged = max(largestAcknowledged ?? 0, largest)
        let timeouts = probeCount
        if outcome.largestSentAt != nil {
            probeCount = 0
            probesOwed = 0
            waitingSince = now
        }
        outcome.lost = detectLosses(path: path, at: now, body)
        outcome.lost.timeouts = timeouts
        // RFC 9002 §7.6.2: what was sent before the first measurement says nothing about persistence.
        if !outcome.wasMeasured { outcome.lost.isPersistent = false }
        packets.dropSettledFront()
    }

    /// Declares packets lost (RFC 9002 §6.1); `body` gets each of their frames.
    mutating func detectLosses(
        path: Path,
        at now: Instant,
        _ body: (SentFrame) -> Void
    ) -> LossSummary {
        lossTime = nil
        var summary = LossSummary()
        guard let largest = largestAcknowledged, packets.lowest < packets.next else { return summary }
        let delay = path.roundTrip.lossDelay
        let threshold = now - delay
        var firstLostAt: Instant?
        var longestPeriod = Interval.zero
        var number = packets.lowest
        while number < min(largest, packets.next) {
            if let packet = packets.outstanding(number) {
                guard packet.sentAt <= threshold || largest >= number + Self.packetThreshold else {
                    let time = packet.sentAt + delay
                    lossTime = min(lossTime ?? time, time)
                    number += 1
                    continue
                }
                packets.settle(number)
                outstandingCount -= 1
                summary.packetCount += 1
                if packet.pathSerial == path.serial, packets.isSizeProbe(packet) {
                    summary.probeByteCount += packet.byteCount
                } else if packet.pathSerial == path.serial {
                    summary.add(packet)
                    let first = firstLostAt ?? packet.sentAt
                    firstLostAt = first
                    longestPeriod = max(longestPeriod, packet.sentAt - first)
                }
                for position in 0..<packet.frameCount { body(packets.frame(position, of: packet)) }
            } else if packets.isSettled(number) {
                // RFC 9002 §7.6.2: nothing sent in the period may have arrived.
                firstLostAt = nil
            }
            number += 1
        }
        let period = path.roundTrip.probeTimeout(maxAckDelay: peerMaxAckDelay) * Self.persistentCongestionThreshold
        summary.isPersistent = path.roundTrip.hasSample && longestPeriod > period
        packets.dropSettledFront()
        return summary
    }

    /// Treats the one packet `number` as acknowledged or lost at once: the handshake told so.
    mutating func settle(_ number: UInt64, _ body: (SentFrame) -> Void) {
        guard let packet = packets.outstanding(number) else { return }
        packets.settle(number)
        outstandingCount -= 1
        for position in 0..<packet.frameCount { body(packets.frame(position, of: packet)) }
        packets.dropSettledFront()
    }

    /// When to act next: at the loss time, or else at the probe time-out (RFC 9002 §6.2, A.8).
    func deadline(path: Path) -> Instant? {
        if let lossTime { return lossTime }
        guard hasOutstanding, let lastTrackedAt else { return nil }
        let base = path.roundTrip.probeTimeout(maxAckDelay: peerMaxAckDelay)
        return lastTrackedAt + min(base * (1 << Int64(min(probeCount, 10))), maximumProbeTimeout)
    }

    /// Whether ``deadline(path:)`` stands for a loss, not for a probe.
    var isLossPending: Bool { lossTime != nil }

    /// The probe time-out fired.
    mutating func probe() {
        probeCount += 1
        probesOwed = 2
    }

    /// The network changed: what was learned by silence does not count (RFC 9002 §6.2.1 backoff starts anew).
    mutating func forgetSilence() {
        probeCount = 0
    }

    /// The frames of the oldest outstanding packet, to be sent again as a probe.
    func oldestFrames(_ body: (SentFrame) -> Void) {
        var number = packets.lowest
        while number < packets.next {
            if let packet = packets.outstanding(number), !packets.isSizeProbe(packet) {
                for position in 0..<packet.frameCount { body(packets.frame(position, of: packet)) }
                return
            }
            number += 1
        }
    }
}
