import OverlayWire
import PosternModel

/// Finds the largest packet that a path carries, with packets that nobody misses when they vanish (RFC 8899
/// DPLPMTUD, RFC 9000 §14.3), and notices when large packets stop getting through.
///
/// ```
///   BASE ────── traffic ──────▶ SEARCHING ── nothing left to try ──▶ COMPLETE
///                                │   ▲  ▲                             │   │
///                     black hole │   │  └─── raise timer (10 min) ────┘   │
///                                ▼   │ cooldown                           │
///                               FALLEN ◀────────── black hole ────────────┘
/// ```
///
/// BASE is the size that every path carries, so the ERROR state of RFC 8899 §5.2, in which even that one is too large,
/// has no place here; FALLEN is what remains of it. A path whose limit is the base, as each through a relay, starts
/// COMPLETE.
struct PathMTU {
    /// RFC 8899 §5.1.2 MAX_PROBES: losses after which a size counts as too large.
    static let maximumProbes = 3
    /// RFC 8899 §5.1.1 PMTU_RAISE_TIMER: how long a found size holds before a larger one is tried again.
    static let raiseInterval = Interval.seconds(600)
    /// A search ends when what it could still gain is no more than this, in bytes.
    static let granularity = 20
    /// Bytes that have to arrive for each byte of a probe: an idle path is not probed, and a busy one pays 3 %.
    static let trafficPerProbe = 32
    /// Rounds of loss that hit only packets above the base before that counts as a black hole (RFC 8899 §4.3).
    static let suspiciousRounds = 3
    /// Probe time-outs in a row after which packets leave in base size, so that a stream outlives a black hole.
    static let timeoutsBeforeBase = 2
    /// How long the base is kept after the first black hole; each further one doubles it, up to ``raiseInterval``.
    static let firstCooldown = Interval.seconds(5)

    /// What is known of a way before anything is tried.
    private enum Route {
        /// Every packet fits.
        case loopback
        /// `headerSize`: of IP and UDP, in bytes.
        case network(headerSize: Int)
        case relay
    }

    private enum Phase {
        /// BASE: nothing larger has been tried.
        case base
        /// SEARCHING: between a size that arrives and one that does not.
        case searching(Search)
        /// SEARCH_COMPLETE. The raise timer starts with the next packet, as long as there is none it is nil.
        case complete(raiseAt: Instant?)
        /// Larger packets vanished: the base until then.
        case fallen(until: Instant)
    }

    /// What is left of a search.
    private struct Search {
        /// The largest size that arrived.
        var lower: Int
        /// The smallest size that did not, or one more than the limit.
        var upper: Int
        /// The size to try next, or that is on its way.
        var candidate: Int
        /// Probes of that size that were lost.
        var losses = 0
        /// The probe that is on its way.
        var outstanding: UInt64?
    }

    /// The largest packet to send now, in bytes of UDP payload.
    private(set) var size: Int
    /// The size that the path was validated with.
    let base: Int
    /// The largest size of interest: the least of what the protocol, this node and the peer take.
    let limit: Int
    private let route: Route
    private var phase = Phase.base
    /// Bytes that arrived since the last probe left.
    private var traffic = 0
    private var blackHoles = 0
    /// When the latest packet above the base left that is known to have arrived.
    private var arrivedLargeSentAt: Instant?
    /// Rounds in which only packets above the base were lost, one after the other.
    private var suspicion: (rounds: Int, lostSentAt: Instant, notedAt: Instant)?

    /// A path to `endpoint` on which packets of up to `limit` bytes are of use.
    init(endpoint: Endpoint, limit: Int) {
        base = endpoint.isRelay ? PacketLayout.relayedPathSize : PacketLayout.minimumPathSize
        size = base
        switch endpoint {
        case .ipv4: route = endpoint.isLoopback ? .loopback : .network(headerSize: 20 + 8)
        case .ipv6: route = endpoint.isLoopback ? .loopback : .network(headerSize: 40 + 8)
        case .relay: route = .relay
        }
        // What a relay carries is fixed (`Protocol.md` §10).
        self.limit = endpoint.isRelay ? base : max(base, limit)
    }

    // MARK: Probes

    /// The size of a probe that is worth sending at `now`; nil while one is on its way, without traffic, or when
    /// nothing is sought.
    mutating func nextProbe(at now: Instant) -> Int? {
        guard size < limit else { return nil }
        switch phase {
        case .complete(raiseAt: nil):
            phase = .complete(raiseAt: now + Self.raiseInterval)
        case .complete(let raiseAt?):
            guard raiseAt <= now else { return nil }
            blackHoles = 0
            begin()
        case .fallen(let until):
            guard until <= now else { return nil }
            begin()
        case .base:
            begin()
        case .searching:
            break
        }
        guard case .searching(let search) = phase, search.outstanding == nil else { return nil }
        return traffic >= search.candidate * Self.trafficPerProbe ? search.candidate : nil
    }

    private mutating func begin() {
        proceed(Search(lower: size, upper: limit + 1, candidate: size))
    }

    /// Goes on with `search`, or ends it.
    private mutating func proceed(_ search: Search) {
        guard search.upper - search.lower > Self.granularity else {
            phase = .complete(raiseAt: nil)
            return
        }
        var search = search
        search.outstanding = nil
        search.candidate = candidate(above: search.lower, below: search.upper)
        phase = .searching(search)
    }

    /// What Ethernet, PPPoE (RFC 2516 §7: 8 bytes less) and jumbo frames carry is likely; then the interval is halved.
    private func candidate(above lower: Int, below upper: Int) -> Int {
        let likely: [Int] =
            switch route {
            case .loopback: [limit]
            case .network(let headerSize): [1500 - headerSize, 1492 - headerSize, limit, 9000 - headerSize]
            case .relay: []
            }
        return likely.first { $0 > lower && $0 < upper } ?? (lower + upper) / 2
    }

    /// The probe that ``nextProbe(at:)`` asked for left as packet `number`.
    mutating func sentProbe(_ number: UInt64) {
        guard case .searching(var search) = phase else { return }
        search.outstanding = number
        phase = .searching(search)
        traffic = 0
    }

    // MARK: What became of packets

    /// A probe of `byteCount` bytes arrived: this is the size from now on.
    mutating func acknowledge(probe byteCount: Int) {
        guard var search = search(for: byteCount) else { return }
        search.losses = 0
        search.lower = byteCount
        size = byteCount
        proceed(search)
    }

    /// A probe of `byteCount` bytes was lost.
    mutating func lose(probe byteCount: Int) {
        guard var search = search(for: byteCount) else { return }
        search.losses += 1
        if search.losses == Self.maximumProbes {
            search.losses = 0
            search.upper = byteCount
        }
        proceed(search)
    }

    /// The search whose probe of `byteCount` bytes is on its way.
    private func search(for byteCount: Int) -> Search? {
        guard case .searching(let search) = phase, search.outstanding != nil, search.candidate == byteCount else {
            return nil
        }
        return search
    }

    /// Packets of `byteCount` together arrived. `largeSentAt`: when the latest of them above ``base`` left.
    mutating func acknowledge(byteCount: Int, largeSentAt: Instant?) {
        traffic = min(traffic + byteCount, Self.trafficPerProbe * limit)
        if let largeSentAt {
            arrivedLargeSentAt = max(arrivedLargeSentAt ?? largeSentAt, largeSentAt)
            if let suspicion, largeSentAt > suspicion.lostSentAt { self.suspicion = nil }
        }
    }

    /// Packets were lost. `largeSentAt` and `smallSentAt`: when the latest of them above ``base``, and not above it,
    /// left, probes aside. `timeouts`: probe time-outs before something arrived again.
    mutating func lose(largeSentAt: Instant?, smallSentAt: Instant?, timeouts: Int, at now: Instant) {
        guard size > base, let largeSentAt else { return }
        // Whatever told of the loss left later. If that was large, or if small ones are lost as well, size is no cause.
        if let arrivedLargeSentAt, arrivedLargeSentAt >= largeSentAt { return }
        if let smallSentAt, smallSentAt >= largeSentAt { return }
        // One round trip's losses are one round.
        if let suspicion, largeSentAt <= suspicion.notedAt { return }
        let rounds = (suspicion?.rounds ?? 0) + 1
        suspicion = (rounds, largeSentAt, now)
        // After two time-outs packets leave in base size: that these arrive and none of the others settles it.
        if rounds >= Self.suspiciousRounds || timeouts >= Self.timeoutsBeforeBase { fall(at: now) }
    }

    /// The system refused to send packets of `byteCount` bytes: the interface takes no such ones. Returns the number of
    /// the probe that never left, if it was one.
    mutating func refuse(_ byteCount: Int, at now: Instant) -> UInt64? {
        guard byteCount > base else { return nil }
        guard byteCount > size else {
            fall(at: now)
            return nil
        }
        guard var search = search(for: byteCount) else { return nil }
        let probe = search.outstanding
        search.losses = 0
        search.upper = byteCount
        // It took nothing from the traffic, so the next need not wait.
        traffic = Self.trafficPerProbe * limit
        proceed(search)
        return probe
    }

    /// Back to what every path carries (RFC 8899 §4.3).
    private mutating func fall(at now: Instant) {
        size = base
        suspicion = nil
        let cooldown = Self.firstCooldown * (1 << Int64(min(blackHoles, 10)))
        blackHoles += 1
        phase = .fallen(until: now + min(cooldown, Self.raiseInterval))
    }
}
