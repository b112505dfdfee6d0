import OverlayWire
import PosternModel

/// Whether packets on a path carry ECT(0), and whether what the peer counts of them can be believed (RFC 9000 §13.4.2,
/// §A.4).
///
/// ```
///              counts are right
///   TESTING ───────────────────────▶ CAPABLE
///     │   │                           ▲   │
///     │   │ ten packets or three      │   │ counts are wrong
///     │   │ probe time-outs           │   ▼
///     │   └──▶ UNKNOWN ───────────────┘ FAILED
///     │           │  counts are right     ▲
///     └───────────┴───────────────────────┘
///        counts are wrong; of UNKNOWN also: every marked packet was lost
/// ```
///
/// Packets are marked while TESTING and when CAPABLE. A FAILED path stays so: another path begins anew.
struct ECNValidation {
    /// RFC 9000 §A.4: packets, and probe time-outs, for which marks are tried without an answer.
    static let testPackets = 10
    static let testTimeouts: Int64 = 3

    private enum Phase {
        /// nil: nothing has left yet.
        case testing(endsAt: Instant?)
        case unknown
        case capable
        case failed
    }

    private var phase: Phase
    /// Marked packets that left before the phase was over, and of those that have to be acknowledged, the lost ones.
    private var sentCount = 0
    private var trackedCount = 0
    private var lostCount = 0

    /// Of a path that `isUsable` with marks: one through a relay is not, the hub's session decides about its own.
    init(isUsable: Bool) {
        phase = isUsable ? .testing(endsAt: nil) : .failed
    }

    /// Whether the peer's counts were right so far.
    var isCapable: Bool {
        switch phase {
        case .capable: true
        case .testing, .unknown, .failed: false
        }
    }

    /// Whether packets are marked now. Changes between batches only.
    var isMarking: Bool {
        switch phase {
        case .testing, .capable: true
        case .unknown, .failed: false
        }
    }

    /// The mark of packets that leave at `now`.
    mutating func codepoint(at now: Instant, probeTimeout: @autoclosure () -> Interval) -> ECNCodepoint {
        switch phase {
        case .testing(endsAt: nil):
            phase = .testing(endsAt: now + probeTimeout() * Self.testTimeouts)
        case .testing(let endsAt?):
            if sentCount >= Self.testPackets || endsAt <= now { phase = .unknown }
        case .unknown, .capable, .failed:
            break
        }
        return isMarking ? .ect0 : .notECT
    }

    /// A marked packet left.
    mutating func sent(isTracked: Bool) {
        guard case .testing = phase else { return }
        sentCount += 1
        if isTracked { trackedCount += 1 }
    }

    /// An ACK frame with a larger largest number than all before newly acknowledged `marked` packets. The peer's counts
    /// were `before` and are now `after`, if it tells them. Returns how many packets it newly saw marked CE.
    mutating func acknowledge(marked: Int, before: ECNCounts, after: ECNCounts?) -> Int {
        switch phase {
        case .failed: return 0
        case .testing, .unknown, .capable: break
        }
        guard marked > 0 else { return 0 }
        // RFC 9000 §13.4.2.1: the counts are there, none sinks, nothing was marked as we never mark, and every marked
        // packet that arrived was counted.
        guard let after, after.ect0 >= before.ect0, after.ce >= before.ce, after.ect1 == before.ect1,
            after.ect0 - before.ect0 + (after.ce - before.ce) >= UInt64(marked)
        else {
            phase = .failed
            return 0
        }
        phase = .capable
        return Int(clamping: after.ce - before.ce)
    }

    /// Marked packets were lost.
    mutating func lose(marked: Int) {
        lostCount += marked
        guard case .unknown = phase, lostCount >= trackedCount else { return }
        phase = .failed
    }
}
