import PosternModel

/// CUBIC (RFC 9438) with HyStart++ (RFC 9406) in slow start.
struct Cubic: ~Copyable, CongestionController {
    /// RFC 9438 §5: C in segments per second cubed, and the multiplicative decrease.
    private static let c = 0.4
    private static let beta = 0.7
    /// RFC 9002 §7.2.
    private static let minimumPackets = 2
    /// RFC 9002 §7.7: how much faster than window per round trip packets leave, in slow start and after.
    private static let slowStartGain = 2.0
    private static let avoidanceGain = 1.25

    private(set) var window: Int
    private var packetSize: Int
    private var slowStartThreshold = Int.max
    /// Packets that left before are part of a reduction that was already made.
    private var recoveryStart: Instant?
    /// Where the curve is flat, in packets: the window before the last reduction, or less after fast convergence
    /// (RFC 9438 §4.1.2 W_max).
    private var maximumWindow = 0.0
    /// The window before the last reduction, in packets (RFC 9438 §4.3 cwnd_prior).
    private var priorWindow = 0.0
    /// When the current avoidance epoch began, and its K in seconds (RFC 9438 §4.2).
    private var epochStart: Instant?
    private var k = 0.0
    /// The window an AIMD flow would have, in packets (RFC 9438 §4.3 W_est).
    private var friendlyWindow = 0.0
    private var hyStart = HyStart()
    /// What the last reduction took away.
    private var undo: Undo?

    /// The state before a reduction (RFC 9438 §4.9).
    private struct Undo {
        var episode: LossEpisode
        var window: Int
        var slowStartThreshold: Int
        var recoveryStart: Instant?
        var maximumWindow: Double
        var priorWindow: Double
        var epochStart: Instant?
        var k: Double
        var friendlyWindow: Double
    }

    init(packetSize: Int) {
        self.packetSize = packetSize
        window = packetSize * CongestionWindow.initialPackets
    }

    var isHoldingBack: Bool { false }

    func pacingRate(roundTrip: Interval) -> UInt64 {
        let gain = window < slowStartThreshold ? Self.slowStartGain : Self.avoidanceGain
        let seconds = max(roundTrip.seconds, 1e-6)
        return UInt64(min(Double(window) * gain / seconds, 1e15))
    }

    /// RFC 9438 §5.8: the time in which nothing was in flight does not count. The curve goes on from the window.
    mutating func resume(at now: Instant) {
        epochStart = nil
    }

    mutating func acknowledge(_ ack: CongestionAck) {
        if let recoveryStart, ack.sentAt <= recoveryStart { return }
        if ack.sample.isAppLimited, ack.bytesInFlightBefore < window / 2 {
            // RFC 9438 §5.8: time in which the window was not used does not count.
            epochStart = nil
            return
        }
        if window < slowStartThreshold {
            slowStart(ack)
        } else {
            avoidCongestion(ack)
        }
    }

    private mutating func slowStart(_ ack: CongestionAck) {
        // RFC 9406 §4.3: a later slow start ends at the threshold that the network has shown.
        guard slowStartThreshold == .max else {
            window += ack.byteCount
            return
        }
        switch hyStart.observe(ack) {
        case .standard:
            window += ack.byteCount
        case .conservative(let divisor):
            window += ack.byteCount / divisor
        case .finished:
            slowStartThreshold = window
        }
    }

    private mutating func avoidCongestion(_ ack: CongestionAck) {
        let packets = Double(window) / Double(packetSize)
        let acked = Double(ack.byteCount) / Double(packetSize)
        let start = beginEpoch(packets: packets, at: ack.now)
        let time = (ack.now - start).seconds
        // RFC 9438 §4.3: alpha makes the average window equal to that of AIMD with factor 1/2.
        let alpha = friendlyWindow >= priorWindow ? 1 : 3 * (1 - Self.beta) / (1 + Self.beta)
        friendlyWindow += alpha * acked / packets
        if friendlyWindow > curve(time) {
            window = max(window, Int(friendlyWindow * Double(packetSize)))
        } else {
            // RFC 9438 §4.2: on the way to W_cubic(t + RTT), by no more than half a window per round trip.
            let target = min(max(curve(time + ack.roundTrip.smoothed.seconds), packets), packets * 1.5)
            window += Int((target - packets) / packets * Double(ack.byteCount))
        }
    }

    /// W_cubic of RFC 9438 §4.2, in packets, `time` seconds into the epoch.
    private func curve(_ time: Double) -> Double {
        let offset = time - k
        return Self.c * offset * offset * offset + maximumWindow
    }

    private mutating func beginEpoch(packets: Double, at now: Instant) -> Instant {
        if let epochStart { return epochStart }
        epochStart = now
        friendlyWindow = packets
        if packets < maximumWindow {
            k = Self.cubeRoot((maximumWindow - packets) / Self.c)
        } else {
            k = 0
            maximumWindow = packets
        }
        return now
    }

    mutating func lose(_ loss: CongestionLoss) {
        reduce(sentAt: loss.sentAt, at: loss.now)
        undo?.episode.lose()
    }

    /// RFC 9002 §7.6.2: slow start begins anew, with whatever is acknowledged next.
    mutating func notePersistentCongestion(at now: Instant) {
        window = packetSize * Self.minimumPackets
        recoveryStart = nil
    }

    /// RFC 9438 §4.9.2: when every packet behind a reduction has arrived, things are as they were.
    mutating func noteSpuriousLoss(_ loss: SpuriousLoss) {
        guard undo?.episode.noteSpuriousLoss(loss) == true, let before = undo else { return }
        window = max(window, before.window)
        slowStartThreshold = before.slowStartThreshold
        recoveryStart = before.recoveryStart
        maximumWindow = before.maximumWindow
        priorWindow = before.priorWindow
        epochStart = before.epochStart
        k = before.k
        friendlyWindow = before.friendlyWindow
        undo = nil
    }

    /// RFC 9438 §4.6: a mark counts like a loss.
    mutating func mark(_ mark: CongestionMark) {
        reduce(sentAt: mark.sentAt, at: mark.now)
        undo = nil
    }

    /// What is counted in packets is counted in others from now on; the bytes stay.
    mutating func setPacketSize(_ byteCount: Int) {
        let scale = Double(packetSize) / Double(byteCount)
        packetSize = byteCount
        maximumWindow *= scale
        priorWindow *= scale
        window = max(window, byteCount * Self.minimumPackets)
        // The curve is one of packets (RFC 9438 §4.2): it is drawn anew from here.
        epochStart = nil
        undo = nil
    }

    /// A congestion event (RFC 9438 §4.6), once for what was in flight together.
    private mutating func reduce(sentAt: Instant, at now: Instant) {
        if let recoveryStart, sentAt <= recoveryStart { return }
        undo = Undo(
            episode: LossEpisode(at: now),
            window: window,
            slowStartThreshold: slowStartThreshold,
            recoveryStart: recoveryStart,
            maximumWindow: maximumWindow,
            priorWindow: priorWindow,
            epochStart: epochStart,
            k: k,
            friendlyWindow: friendlyWindow
        )
        recoveryStart = now
        let packets = Double(window) / Double(packetSize)
        priorWindow = packets
        // RFC 9438 §4.7: fast convergence.
        maximumWindow = packets < maximumWindow ? packets * (1 + Self.beta) / 2 : packets
        window = max(Int(Double(window) * Self.beta), packetSize * Self.minimumPackets)
        slowStartThreshold = window
        epochStart = nil
    }

    /// Newton's iteration: the cores link no mathematical library.
    static func cubeRoot(_ value: Double) -> Double {
        guard value > 0 else { return 0 }
        var root = max(1, value / 3)
        for _ in 0..<64 {
            let next = (2 * root + value / (root * root)) / 3
            if (next - root).magnitude < 1e-9 * root { return next }
            root = next
        }
        return root
    }
}
