import OverlayWire
import PosternModel

/// What decides about a first message before it costs a public-key operation: per-source limits, the budget of the
/// node, and when cookies are asked for (`Protocol.md` §4.7).
struct HandshakeGate {
    enum Verdict: Hashable {
        case admitted
        /// The sender is to prove its address first.
        case unproven
        case overLimit
    }

    private var budget: HandshakeBudget
    /// Proven and unproven messages are counted apart: who forges an address uses up nothing of its owner's.
    private var proven: SourceLimits
    private var unproven: SourceLimits

    /// `perSecond`: handshakes of all sources; `perSource`: of each. Both are also the burst.
    init(perSecond: Int, perSource: Int) {
        budget = HandshakeBudget(perSecond: perSecond)
        proven = SourceLimits(perSecond: perSource)
        unproven = SourceLimits(perSecond: perSource)
    }

    /// Decides about one message from `endpoint` and counts it. `isProven`: its sender receives there.
    mutating func judge(from endpoint: Endpoint, isProven: Bool, at now: Instant) -> Verdict {
        let source = HandshakeSource(endpoint)
        if isProven {
            guard proven.take(source, at: now) else { return .overLimit }
        } else {
            guard !budget.isStrained(at: now), unproven.take(source, at: now) else { return .unproven }
        }
        return budget.take(at: now) ? .admitted : .overLimit
    }
}

/// A rate with a burst, as the generic cell rate algorithm keeps it (ITU-T I.371): one instant says it all.
struct Rate: Hashable {
    private let spacing: Interval
    private let tolerance: Interval
    /// What one second's worth takes when all of it is used at once.
    let burst: Interval

    /// `perSecond` a second, and as many at once after a rest. Zero: none ever.
    init(perSecond: Int) {
        spacing = Interval(nanoseconds: max(1, 1_000_000_000 / Int64(max(perSecond, 1))))
        burst = spacing * Int64(max(perSecond, 0))
        tolerance = burst - spacing
    }

    /// Takes one, whose account is `due`: when everything taken so far will have been paid off. False when none is
    /// left.
    func take(_ due: inout Instant, at now: Instant) -> Bool {
        let start = max(due, now)
        guard start - now <= tolerance else { return false }
        due = start + spacing
        return true
    }
}

/// Whom a handshake counts against.
enum HandshakeSource: Hashable {
    case ipv4(UInt32)
    /// What a network gives to one customer's link (RFC 6177).
    case ipv6(prefix: UInt64)
    case relay(RelayHandle)

    init(_ endpoint: Endpoint) {
        switch endpoint {
        case .ipv4(let address, _): self = .ipv4(address)
        case .ipv6(let high, _, _): self = .ipv6(prefix: high)
        case .relay(let relay): self = .relay(relay)
        }
    }
}

/// How much each source has used of what it may do. Bounded: when too many are busy, those that are not among them get
/// nothing.
struct SourceLimits {
    static let maximum = 4096
    /// The least time between two searches for sources that are at rest again.
    private static let sweepSpacing = Interval.milliseconds(10)

    private let rate: Rate
    /// Sources that are not at rest, and when they will be.
    private var due: [HandshakeSource: Instant] = [:]
    private var sweptAt = Instant(nanoseconds: .min)

    init(perSecond: Int) {
        rate = Rate(perSecond: perSecond)
    }

    /// Sources that are remembered.
    var count: Int { due.count }

    /// Takes one handshake of `source`; false when it has none left.
    mutating func take(_ source: HandshakeSource, at now: Instant) -> Bool {
        if due[source] == nil, due.count >= Self.maximum {
            guard now - sweptAt >= Self.sweepSpacing else { return false }
            sweptAt = now
            due = due.filter { $0.value > now }
            guard due.count < Self.maximum else { return false }
        }
        return rate.take(&due[source, default: now], at: now)
    }
}

/// How many handshakes may cost a public-key operation, and whether it is time to be picky.
struct HandshakeBudget {
    private let rate: Rate
    private var due = Instant(nanoseconds: .min)
    private var wasStrained = false

    init(perSecond: Int) {
        rate = Rate(perSecond: perSecond)
    }

    /// Takes one; false when none is left.
    mutating func take(at now: Instant) -> Bool { rate.take(&due, at: now) }

    /// Whether the node is under load: from when a quarter of the burst is used until seven eighths are free again.
    mutating func isStrained(at now: Instant) -> Bool {
        let used = due - now
        wasStrained = wasStrained ? used > rate.burst / 8 : used >= rate.burst / 4
        return wasStrained
    }
}
