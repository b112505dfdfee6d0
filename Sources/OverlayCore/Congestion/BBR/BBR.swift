import PosternModel

/// BBR, version 3 (draft-ietf-ccwg-bbr): a model of the path, its rate and its round trip, decides how fast packets
/// leave and how many are in flight. Losses and marks bound the model.
///
/// | state | paces at | in flight at most | ends when | then |
/// | --- | --- | --- | --- | --- |
/// | startup | 2.77 × rate | 2 BDP | the rate stops growing for 3 rounds, or a round loses much | drain |
/// | drain | 0.5 × | 2 BDP | in flight ≤ 1 BDP | down |
/// | down | 0.9 × | long-term bound | in flight ≤ 1 BDP and ≤ 85 % of the long-term bound | cruise |
/// | cruise | 1 × | 85 % of it, short-term bound | 2–3 s passed, or as many rounds as Reno needs | refill |
/// | refill | 1 × | long-term bound | a round passed | up |
/// | up | 1.25 × | the same, which it raises | the rate stops growing, or much is lost | down |
/// | probeRTT | 1 × | 0.5 BDP | 200 ms and a round passed | cruise (startup if the rate is not known yet) |
///
/// Down to up are the ProbeBW cycle. Every state goes to probeRTT when the shortest round trip was not seen for 5 s.
///
/// - ``PathModel`` (`PathModel.swift`): rate, round trip, acknowledgements that come in clumps.
/// - `BBR+States.swift`: which state follows which. `BBR+Bounds.swift`: what losses and marks do.
/// - `BBR+Control.swift`: pacing rate and window. ``Constants``: the draft's; ``Tuning``: where we differ, and why.
/// - ``WindowFloor``: the least that is in flight, when many flows share little.
struct BBR: ~Copyable, CongestionController {
    enum State {
        case startup, drain, down, cruise, refill, up, probeRTT
    }

    var state = State.startup
    /// When cruising last began.
    var cruiseStartedAt = Instant(nanoseconds: 0)
    var window: Int
    var packetSize: Int
    /// Bytes per second at which packets leave; nil until something was measured.
    var pace: Double?
    var model = PathModel()
    var fullPipe = FullPipe()
    var bounds = Bounds()
    var cycle = Cycle()
    var roundTripProbe = RoundTripProbe()
    /// What may be in flight at least.
    var floor = WindowFloor()
    /// What the losses of this round took away.
    var undo: Undo?
    var random: UInt64

    init(packetSize: Int, seed: UInt64) {
        self.packetSize = packetSize
        window = packetSize * CongestionWindow.initialPackets
        random = seed
    }

    /// Whether the pipe is known to be full: the rate has stopped growing.
    struct FullPipe {
        /// The rate that has to be outgrown.
        var rate = 0.0
        /// Rounds without growth.
        var count = 0
        /// Found in the present state.
        var isReachedNow = false
        /// Found ever.
        var isReached = false
    }

    /// The ProbeBW cycle.
    struct Cycle {
        /// What acknowledgements tell about the last probe for more.
        enum AckPhase {
            case none
            case refilling
            /// Packets of the probe are on their way.
            case starting
            /// They arrive.
            case feedback
            /// The last of them are on their way.
            case stopping
        }

        var startedAt = Instant(nanoseconds: 0)
        var wait = Interval.zero
        var roundsSinceProbe = 0
        var ackPhase = AckPhase.none
        /// Whether what is lost now was sent to probe for more.
        var isSampling = false
        /// The long-term bound grows by a packet for so many bytes acknowledged…
        var bytesPerRaise = Int.max
        /// …of which so many have been.
        var raisedBy = 0
        /// Rounds of growth.
        var raiseRounds = 0
    }

    /// ProbeRTT.
    struct RoundTripProbe {
        var isDue = false
        var endsAt: Instant?
        var hasPassedRound = false
        /// The window before.
        var window = 0
        /// Whether nothing was in flight just now.
        var isIdleRestart = false
    }

    var isHoldingBack: Bool { state == .probeRTT }

    var isCycling: Bool {
        switch state {
        case .down, .cruise, .refill, .up: true
        case .startup, .drain, .probeRTT: false
        }
    }

    // MARK: Inputs

    /// draft-ietf-ccwg-bbr §5.4.1: what was idle starts at the rate that the path has, not faster.
    mutating func resume(at now: Instant) {
        roundTripProbe.isIdleRestart = true
        model.aggregation.restart(at: now)
        if isCycling {
            setPace(gain: 1)
        } else if state == .probeRTT {
            finishRoundTripProbe(at: now)
        }
    }

    mutating func acknowledge(_ ack: CongestionAck) {
        model.observe(ack, hasFullPipe: fullPipe.isReached, window: window)
        if model.round.isStart {
            cycle.roundsSinceProbe += 1
            floor.endRound()
        }
        adaptShortTermBounds()
        checkFullPipe(ack)
        checkStartup(ack)
        checkDrain(ack)
        advanceCycle(ack)
        checkRoundTrip(ack)
        model.advanceLatest(ack.sample)
        setPace(gain: state.pacingGain)
        setWindow(ack)
    }

    mutating func setPacketSize(_ byteCount: Int) {
        packetSize = byteCount
        window = max(window, minimumWindow)
    }

    /// RFC 9002 §7.6: the model stands, what is in flight begins anew from the least.
    mutating func notePersistentCongestion(at now: Instant) {
        window = minimumWindow
    }

    /// A number below `bound`, from a linear congruential generator (Knuth, MMIX): all that is asked of it is that
    /// flows differ.
    mutating func draw(below bound: UInt64) -> UInt64 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return random.multipliedFullWidth(by: bound).high
    }
}
