import PosternModel

/// Loss detection and probe time-outs of one session (RFC 9002 §6), in one packet-number space.
///
/// The work for an ACK frame is bounded by what is new in it: packets leave in the order of their numbers, so loss
/// detection walks from the oldest outstanding one and stops at the first that is not lost.
struct LossRecovery: ~Copyable {
    /// RFC 9002 §7.6.1: persistent congestion spans this many probe time-outs.
    static let persistentCongestionThreshold: Int64 = 3
    /// Packets that a probe time-out sends (RFC 9002 §6.2.4).
    static let probePackets = 2
    /// Silence after which a probe is one PING (RFC 8085 §3.1.1): who has been away so long needs no more to be found.
    static let outage = Interval.seconds(30)
    /// The longest wait between two of those (RFC 8085 §3.5).
    static let longestWait = Interval.seconds(15)
    /// For so many probe time-outs a lost packet may still arrive and be believed.
    private static let memory: Int64 = 2

    private(set) var packets: SentPackets
    private(set) var lostPackets = LostPackets()
    private(set) var tolerance = ReorderingTolerance()
    private var heard = RepeatedRanges()
    private(set) var largestAcknowledged: UInt64?
    /// Consecutive probe time-outs without an acknowledgement.
    private(set) var probeCount = 0
    /// Those among them that came in an ``outage``.
    private var lateProbeCount = 0
    /// Packet numbers that never left.
    var skippedNumbers = SkippedNumbers()
    /// Packets that may be sent beyond the congestion window because a probe time-out fired (RFC 9002 §6.2.4).
    var probesOwed = 0
    private var lastTrackedAt: Instant?
    private var outstandingCount = 0
    private var lossTime: Instant?
    /// Losses of packets that left before belong to an episode that has begun.
    private var episodeStart: Instant?
    /// When the first packet left of those that were lost in a row (RFC 9002 §7.6.2).
    private var lostSince: Instant?
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

    /// Packets that were looked at for acknowledgements and losses, ever.
    var visits: Int { packets.visits + lostPackets.visits }

    var hasOutstanding: Bool { outstandingCount > 0 }

    mutating func add(_ frame: SentFrame) { packets.add(frame) }

    /// Files the packet that was just built. A tracked one counts as in flight on `path`; early data has none.
    mutating func file(sentAt: Instant, byteCount: Int, isTracked: Bool, isMarked: Bool = false, path: Path?) {
        packets.file(
            SentPacket(
                sentAt: sentAt,
                byteCount: byteCount,
                isTracked: isTracked,
                isMarked: isMarked,
                pathSerial: path?.serial ?? 0,
                stamp: isTracked ? path?.depart(byteCount, at: sentAt) ?? DeliveryRate.Stamp() : DeliveryRate.Stamp()
            )
        )
        guard isTracked else { return advanceFront() }
        if outstandingCount == 0 { waitingSince = sentAt }
        outstandingCount += 1
        lastTrackedAt = sentAt
        if probesOwed > 0 { probesOwed -= 1 }
    }

    /// Drops what lies before the oldest outstanding packet. An acknowledged packet ends a row of lost ones.
    private mutating func advanceFront() {
        if packets.dropSettledFront() { lostSince = nil }
    }

    // MARK: Acknowledgements

    /// What an acknowledgement changed.
    struct Outcome {
        /// Bytes of the path in use that are newly acknowledged, and how many of them had been declared lost.
        var ackedBytes = 0
        /// When the largest packet left that had to arrive and is newly acknowledged.
        var largestSentAt: Instant?
        /// When the latest of the newly acknowledged packets left that are larger than what a path begins with, and of
        /// those that are neither that nor small.
        var largeSentAt: Instant?
        var baseSentAt: Instant?
        /// Packets with ECT(0) that are newly acknowledged.
        var markedCount = 0
        /// Packets that were declared lost in this or that arrived after all.
        var lostCount = 0
        var spuriousLossCount = 0
        /// What was in flight on the path before the frame came.
        var bytesInFlightBefore = 0
        fileprivate var measurement: DeliveryRate.Measurement?
        /// When the largest packet of the frame left, if that measures the path.
        fileprivate var measuredFrom: Instant?
        fileprivate var largest: UInt64

        fileprivate init(largest: UInt64) {
            self.largest = largest
        }

        /// The round trip that the frame shows when it arrives at `now`: that of its largest packet, if something in
        /// the frame had to be acknowledged and is new (RFC 9002 §5.1).
        func roundTrip(at now: Instant) -> Interval? {
            guard largestSentAt != nil, let measuredFrom else { return nil }
            return now - measuredFrom
        }
    }

    /// Begins the handling of an ACK frame with this largest number.
    func beginAck(largest: UInt64, path: Path) -> Outcome {
        var outcome = Outcome(largest: largest)
        outcome.bytesInFlightBefore = path.bytesInFlight
        if largestAcknowledged.map({ largest > $0 }) ?? true {
            outcome.measuredFrom = packets.departure(of: largest, pathSerial: path.serial)
        }
        return outcome
    }

    /// Takes one range of an ACK frame, the highest first; `body` gets every frame of every packet in it that was
    /// outstanding or had been declared lost.
    mutating func acknowledge(
        _ range: ClosedRange<UInt64>,
        path: Path,
        at now: Instant,
        outcome: inout Outcome,
        _ body: (SentFrame) -> Void
    ) {
        if range.upperBound < outcome.largest, heard.isRepeated(range) { return }
        var acknowledgedCount = 0
        packets.acknowledge(range) { packets, packet in
            acknowledgedCount += 1
            if packet.pathSerial == path.serial {
                outcome.ackedBytes += packet.byteCount
                if packet.isMarked { outcome.markedCount += 1 }
                if packet.isLarge {
                    outcome.largeSentAt = max(outcome.largeSentAt ?? packet.sentAt, packet.sentAt)
                } else if !packet.isSmall {
                    outcome.baseSentAt = max(outcome.baseSentAt ?? packet.sentAt, packet.sentAt)
                }
                path.deliver(packet, at: now, into: &outcome.measurement)
            }
            outcome.largestSentAt = max(outcome.largestSentAt ?? packet.sentAt, packet.sentAt)
            packets.forEachFrame(of: packet, body)
        }
        outstandingCount -= acknowledgedCount
        noteSpuriousLosses(range, path: path, at: now, outcome: &outcome, body)
    }

    /// What was declared lost in `range` has arrived.
    private mutating func noteSpuriousLosses(
        _ range: ClosedRange<UInt64>,
        path: Path,
        at now: Instant,
        outcome: inout Outcome,
        _ body: (SentFrame) -> Void
    ) {
        let largest = max(outcome.largest, largestAcknowledged ?? 0)
        lostPackets.takeSpurious(range) { lostPackets, entry in
            outcome.spuriousLossCount += 1
            lostSince = nil
            tolerance.widen(
                distance: largest - min(largest, entry.number),
                age: now - entry.packet.sentAt,
                roundTrip: path.roundTrip,
                at: now
            )
            if entry.packet.pathSerial == path.serial { path.noteSpuriousLoss(entry, at: now) }
            lostPackets.forEachFrame(of: entry, body)
        }
    }

    /// Ends the handling of an ACK frame: detects losses and lets the path's controller know everything.
    mutating func finishAck(path: Path, at now: Instant, outcome: inout Outcome, _ body: (SentFrame) -> Void) {
        largestAcknowledged = max(largestAcknowledged ?? 0, outcome.largest)
        let timeouts = outcome.largestSentAt == nil ? 0 : probeCount
        if outcome.largestSentAt != nil {
            forgetSilence()
            probesOwed = 0
            waitingSince = now
        }
        heard.endFrame()
        advanceFront()
        path.mtu.acknowledge(
            byteCount: outcome.ackedBytes,
            largeSentAt: outcome.largeSentAt,
            baseSentAt: outcome.baseSentAt,
            timeouts: timeouts,
            at: now
        )
        outcome.lostCount = detectLosses(path: path, at: now, body)
        path.finishAck(outcome, measurement: outcome.measurement, at: now)
    }

    // MARK: Losses

    /// What one detection found on the path in use.
    private struct LostSummary {
        /// When the latest packets left that are larger than what a path begins with, that are not, and that are small.
        var largeSentAt: Instant?
        var baseSentAt: Instant?
        var smallSentAt: Instant?
        /// Packets with ECT(0) among them.
        var markedCount = 0

        mutating func add(_ packet: SentPacket) {
            if packet.isMarked { markedCount += 1 }
            if packet.isLarge {
                largeSentAt = max(largeSentAt ?? packet.sentAt, packet.sentAt)
            } else if !packet.isSmall {
                baseSentAt = max(baseSentAt ?? packet.sentAt, packet.sentAt)
            } else {
                smallSentAt = max(smallSentAt ?? packet.sentAt, packet.sentAt)
            }
        }
    }

    /// Declares packets lost (RFC 9002 §6.1) and returns how many; `body` gets each of their frames.
    mutating func detectLosses(path: Path, at now: Instant, _ body: (SentFrame) -> Void) -> Int {
        lossTime = nil
        lostPackets.forget(before: now - path.roundTrip.probeTimeout(maxAckDelay: peerMaxAckDelay) * Self.memory)
        guard let largest = largestAcknowledged else { return 0 }
        let delay = tolerance.delay(path.roundTrip)
        var summary = LostSummary()
        var count = 0
        while let packet = packets.oldest(), packets.lowest < largest {
            let number = packets.lowest
            guard packet.sentAt + delay <= now || largest >= number + tolerance.packets else {
                // Whatever left later is not lost either.
                lossTime = packet.sentAt + delay
                break
            }
            declareLost(number, packet, path: path, summary: &summary, at: now, body)
            count += 1
        }
        guard count > 0 else { return 0 }
        path.ecn.lose(marked: summary.markedCount)
        path.mtu.lose(
            largeSentAt: summary.largeSentAt,
            baseSentAt: summary.baseSentAt,
            smallSentAt: summary.smallSentAt,
            at: now
        )
        return count
    }

    private mutating func declareLost(
        _ number: UInt64,
        _ packet: SentPacket,
        path: Path,
        summary: inout LostSummary,
        at now: Instant,
        _ body: (SentFrame) -> Void
    ) {
        let isSizeProbe = packets.isSizeProbe(packet)
        packets.settle(number, as: .lost)
        outstandingCount -= 1
        if !isSizeProbe { lostPackets.add(number, packet, of: packets, at: now) }
        switch packet.fate {
        case .outstanding: packets.forEachFrame(of: packet, body)
        case .repeated, .untracked, .lost, .acknowledged: break
        }
        if packet.pathSerial == path.serial, isSizeProbe {
            path.forget(sizeProbe: packet.byteCount)
        } else if packet.pathSerial == path.serial {
            summary.add(packet)
            if episodeStart.map({ packet.sentAt > $0 }) ?? true {
                episodeStart = now
                tolerance.beginEpisode()
            }
            path.lose(packet, at: now)
            notePersistence(packet, path: path, at: now)
        }
        advanceFront()
    }

    /// RFC 9002 §7.6.2: everything that left between two packets was lost, both left after the first measurement, and
    /// more time lies between them than three probe time-outs.
    private mutating func notePersistence(_ packet: SentPacket, path: Path, at now: Instant) {
        guard let measuredAt = path.measuredAt, packet.sentAt > measuredAt else { return }
        guard let first = lostSince else {
            lostSince = packet.sentAt
            return
        }
        let base = path.roundTrip.probeTimeout(maxAckDelay: peerMaxAckDelay)
        guard packet.sentAt - first > base * Self.persistentCongestionThreshold else { return }
        path.congestion.notePersistentCongestion(at: now)
        lostSince = nil
    }

    /// Treats the one packet `number` as acknowledged or lost at once: the handshake told so, or its path is gone.
    mutating func settle(_ number: UInt64, _ body: (SentFrame) -> Void) {
        guard let packet = packets.outstanding(number) else { return }
        packets.settle(number, as: .acknowledged)
        outstandingCount -= 1
        packets.forEachFrame(of: packet, body)
        advanceFront()
    }

    // MARK: Probes

    /// When to act next: at the loss time, or else at the probe time-out (RFC 9002 §6.2, A.8).
    func deadline(path: Path) -> Instant? {
        if let lossTime { return lossTime }
        guard hasOutstanding, let lastTrackedAt else { return nil }
        return lastTrackedAt + probeWait(path: path)
    }

    /// The wait doubles up to `maximumProbeTimeout`, and from there once more in an outage. It is never shorter than
    /// the path needs to answer (RFC 9002 §6.2.1).
    private func probeWait(path: Path) -> Interval {
        let base = path.roundTrip.probeTimeout(maxAckDelay: peerMaxAckDelay)
        let wait =
            lateProbeCount == 0
            ? min(base * (1 << Int64(min(probeCount, 10))), maximumProbeTimeout)
            : min(maximumProbeTimeout * (1 << Int64(min(lateProbeCount, 10))), Self.longestWait)
        return max(base, wait)
    }

    /// Whether probes are single PINGs, and everything else that looks for the peer leaves as seldom.
    var isOutage: Bool { lateProbeCount > 0 }

    /// Whether ``deadline(path:)`` stands for a loss, not for a probe.
    var isLossPending: Bool { lossTime != nil }

    /// The probe time-out fired: `body` gets the frames of the oldest outstanding packets, to be sent again (RFC 9002
    /// §6.2.4). When such a packet is declared lost later, its frames are not: they are in the probe.
    mutating func probe(at now: Instant, _ body: (SentFrame) -> Void) {
        probeCount += 1
        if let waitingSince, now - waitingSince >= Self.outage {
            lateProbeCount += 1
            probesOwed = 1
            return
        }
        probesOwed = Self.probePackets
        var number = packets.lowest
        var count = 0
        while count < Self.probePackets, let packet = packets[number] {
            if packet.isOutstanding, !packets.isSizeProbe(packet) {
                packets.settle(number, as: .repeated)
                packets.forEachFrame(of: packet, body)
                count += 1
            }
            number += 1
        }
    }

    /// The network changed: what was learned by silence does not count (RFC 9002 §6.2.1 backoff starts anew).
    mutating func forgetSilence() {
        probeCount = 0
        lateProbeCount = 0
    }

    // MARK: Skipped numbers

    /// Leaves out the next packet number if it is time: `draw` gives random bits.
    mutating func skipIfDue(_ draw: () -> UInt64) {
        guard skippedNumbers.isDue(at: packets.next) else { return }
        skippedNumbers.skip(packets.next, draw: draw())
        file(sentAt: lastTrackedAt ?? Instant(nanoseconds: 0), byteCount: 0, isTracked: false, path: nil)
    }
}
