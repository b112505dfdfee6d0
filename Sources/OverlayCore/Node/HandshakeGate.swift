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

    private var budget: Rate.Account
    /// What those who have not proved their address may do together.
    private var calm: Rate.Account
    /// Proven and unproven messages are counted apart: who forges an address uses up nothing of its owner's.
    private var proven: SourceLimits
    private var unproven: SourceLimits

    /// `perSecond`: handshakes of all sources; `unproven`: of those without proof among them; `perSource`: of each. All
    /// are also the burst.
    init(perSecond: Int, unproven: Int, perSource: Int) {
        budget = Rate.Account(Rate(perSecond: perSecond))
        calm = Rate.Account(Rate(perSecond: unproven))
        proven = SourceLimits(perSecond: perSource)
        self.unproven = SourceLimits(perSecond: perSource)
    }

    /// Decides about one message from `endpoint` and counts it. `isProven`: its sender receives there.
    mutating func judge(from endpoint: Endpoint, isProven: Bool, at now: Instant) -> Verdict {
        let source = HandshakeSource(endpoint)
        if isProven {
            guard proven.take(source, at: now) else { return .overLimit }
        } else {
            guard unproven.take(source, at: now), calm.take(at: now) else { return .unproven }
        }
        return budget.take(at: now) ? .admitted : .overLimit
    }
}

/// A rate with a burst, as the generic cell rate algorithm keeps it (ITU-T I.371): one instant says it all.
struct Rate: Hashable {
    private let spacing: Interval
    private let tolerance: Interval

    /// `perSecond` a second, and as many at once after a rest. Zero: none ever.
    init(perSecond: Int) {
        spacing = Interval(nanoseconds: max(1, 1_000_000_000 / Int64(max(perSecond, 1))))
        tolerance = spacing * Int64(max(perSecond, 0)) - spacing
    }

    /// One in each `spacing`, and `burst` at once after a rest.
    init(each spacing: Interval, burst: Int64) {
        self.spacing = spacing
        tolerance = spacing * (burst - 1)
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

extension Rate {
    /// What is taken at a rate.
    struct Account {
        private let rate: Rate
        private var due = Instant(nanoseconds: .min)

        init(_ rate: Rate) {
            self.rate = rate
        }

        /// Takes one; false when none is left.
        mutating func take(at now: Instant) -> Bool { rate.take(&due, at: now) }
    }
}

/// Whom a handshake counts against.
enum HandshakeSource: Hashable {
    case ipv4(UInt32)
    /// What a network gives to one customer's link (RFC 6177).
    case ipv6(prefix: UInt64)
    case connection(ConnectionID)
    case relay(RelayHandle)

    init(_ endpoint: Endpoint) {
        switch endpoint {
        case .ipv4(let address, _): self = .ipv4(address)
        case .ipv6(let high, _, _): self = .ipv6(prefix: high)
        case .connection(let connection): self = .connection(connection)
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
