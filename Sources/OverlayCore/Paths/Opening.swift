import OverlayWire
import PosternModel

/// How two nodes behind translators open a direct path from both sides at once (`Protocol.md` §9.2; RFC 5128 §3.3,
/// libp2p's DCUtR): over the relay they tell each other where they are, measure its round trip with that, and send at
/// the same moment, so that each one's packet finds the other's translator open.
///
/// ```
///           ask              ready             its half of the round trip is over
///   IDLE ─────────▶ ASKING ─────────▶ OPENING ──────────────────────────────────▶ RESTING ──▶ the next try, or IDLE
///     │  the peer asks            go  ▲
///     └────────────────▶ ANSWERING ───┘
///
/// Behind the last try, where the ports of one side are to be guessed (`Protocol.md` §9.3):
///   RESTING ──▶ SPREADING, the peer guesses ──▶ GUESSING, the peer spreads ──▶ IDLE
/// ```
struct Opening {
    /// Tries of the first round and after something changed, each after an exchange of its own: one wrong round trip
    /// shall not spoil all. Later rounds have one.
    static let maximumTries = 3
    /// How long a question waits for its answer at least, and how long a try is given.
    static let patience = Interval.seconds(1)
    /// How much earlier than the other one side sends in some tries: where a translator takes a packet that comes too
    /// early for the beginning of a flow, its own side has to be the first.
    static let lead = Interval.milliseconds(100)

    /// What is under way.
    enum Phase {
        case idle
        /// We asked, at the instant once it has left.
        case asking(sentAt: Instant?, until: Instant)
        /// The peer asked, and was told that we are ready.
        case answering(sequence: UInt64, until: Instant)
        /// Challenges leave at the instant.
        case opening(at: Instant)
        /// They have left, and may be answered.
        case resting(until: Instant)
        /// Ports of ours are open, or will be, for the peer to guess.
        case spreading(until: Instant)
        /// We guess, or wait for the peer to open its ports.
        case guessing(until: Instant)
    }

    private(set) var phase = Phase.idle
    /// The number of our latest try in the session.
    private(set) var sequence: UInt64 = 0
    /// Tries left in the round, and whether this node goes on with it.
    private(set) var triesLeft = 0
    private(set) var isOurs = false

    init() {}

    /// Nothing is under way; numbers go on.
    init(after former: Opening) { sequence = former.sequence }

    /// When ``Session/advanceOpening(to:shared:)`` has something to do.
    var deadline: Instant? {
        switch phase {
        case .idle: nil
        case .asking(_, let until), .answering(_, let until), .resting(let until), .spreading(let until),
            .guessing(let until):
            until
        case .opening(let at): at
        }
    }

    /// Whether a new round may begin.
    var isIdle: Bool {
        switch phase {
        case .idle: true
        case .asking, .answering, .opening, .resting, .spreading, .guessing: false
        }
    }

    /// The first of `tries` tries, or the next one. Returns what to tell the peer.
    mutating func ask(tries: Int?, patience: Interval, at now: Instant) -> PunchFrame {
        triesLeft = (tries ?? triesLeft) - 1
        isOurs = true
        sequence += 1
        phase = .asking(sentAt: nil, until: now + patience)
        return PunchFrame(.ask, sequence: sequence)
    }

    /// The question leaves.
    mutating func asked(at now: Instant) {
        guard case .asking(nil, let until) = phase else { return }
        phase = .asking(sentAt: now, until: until)
    }

    /// The peer asks. `yields`: between two that ask at once, this node's question gives way. Nil: it does not.
    mutating func answer(_ asked: PunchFrame, yields: Bool, patience: Interval, at now: Instant) -> PunchFrame? {
        if case .asking = phase, !yields { return nil }
        isOurs = false
        phase = .answering(sequence: asked.sequence, until: now + patience)
        return PunchFrame(.ready, sequence: asked.sequence)
    }

    /// The peer is ready: both send in half a round trip, or one of them ``lead`` earlier. Returns what to tell the
    /// peer.
    mutating func begin(_ ready: PunchFrame, at now: Instant) -> PunchFrame? {
        guard case .asking(let sentAt?, _) = phase, ready.sequence == sequence else { return nil }
        let half = (now - sentAt) / 2
        // First together, then the peer before us and we before the peer in turn.
        let (ownDelay, theirDelay): (Interval, Interval) =
            if sequence == 1 {
                (half, .zero)
            } else if sequence % 2 == 0 {
                (half + Self.lead, .zero)
            } else {
                (half, Self.lead)
            }
        phase = .opening(at: now + ownDelay)
        return PunchFrame(.go, sequence: sequence, delay: UInt64(theirDelay.milliseconds))
    }

    /// The peer says when.
    mutating func go(_ frame: PunchFrame, at now: Instant) {
        guard case .answering(frame.sequence, _) = phase else { return }
        phase = .opening(at: now + .milliseconds(Int64(frame.delay)))
    }

    /// Challenges leave now.
    mutating func rest(at now: Instant) { phase = .resting(until: now + Self.patience) }

    /// Ports of ours are to be guessed; `isOurs`: by our own decision, after the tries.
    mutating func beginSpreading(isOurs: Bool, until: Instant) {
        self.isOurs = isOurs
        phase = .spreading(until: until)
    }

    /// Ports of the peer are guessed.
    mutating func beginGuessing(isOurs: Bool, until: Instant) {
        self.isOurs = isOurs
        phase = .guessing(until: until)
    }

    /// What was under way led to nothing.
    mutating func end() { phase = .idle }

    /// The peer is elsewhere: the tries begin anew.
    mutating func renew() {
        if isOurs { triesLeft = Self.maximumTries }
    }
}
