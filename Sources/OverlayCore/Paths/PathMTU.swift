import OverlayWire
import PosternModel

/// Finds the largest packet that a path carries, with packets that nobody misses when they vanish (RFC 8899
/// DPLPMTUD, RFC 9000 §14.3), and notices when large packets stop getting through.
///
/// ```
///   BASE ────── traffic ──────▶ SEARCHING ── nothing left to try ──▶ COMPLETE
///    │  ▲                        │   ▲  ▲                             │   │
///    │  │             black hole │   │  └─── raise timer (10 min) ────┘   │
///    │  │                        ▼   │ cooldown                           │
///    │  │                       FALLEN ◀────────── black hole ────────────┘
///    │  │ a probe
///    │  │ arrives    (from each of them, when what has the size of the base vanishes)
///    ▼  │
///   DOUBTED ── three probes lost ──▶ ERROR
///       ▲                              │
///       └────────── cooldown ──────────┘
/// ```
///
/// BASE is the size of the handshake that led to the path. In DOUBTED and ERROR packets have the size that remains of
/// every path, and probes have that of the base (RFC 8899 §5.2). A path whose limit is the base, as each through a
/// relay, is not searched.
struct PathMTU {
    /// RFC 8899 §5.1.2 MAX_PROBES: losses after which a size counts as too large.
    static let maximumProbes = 3
    /// RFC 8899 §5.1.1 PMTU_RAISE_TIMER: how long a found size holds before a larger one is tried again.
    static let raiseInterval = Interval.seconds(600)
    /// A search ends when what it could still gain is no more than this, in bytes.
    static let granularity = 20
    /// Bytes that have to arrive for each byte of a probe: an idle path is not probed, and a busy one pays 3 %.
    static let trafficPerProbe = 32
    /// Probe time-outs in a row after which packets leave in base size, so that a stream outlives a black hole…
    static let timeoutsBeforeBase = 2
    /// …and after which one of two leaves in the smallest size.
    static let timeoutsBeforeSmallest = 4
    /// How long the smaller size is kept after the first black hole; each further one doubles it, up to
    /// ``raiseInterval``.
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
        /// Packets of the base's size vanished: whether they still do is tried.
        case doubted(Confirmation)
        /// ERROR: they do. Tried again then.
        case error(until: Instant)
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

    /// Probes of the base's size.
    private struct Confirmation {
        var losses = 0
        /// The probe that is on its way.
        var outstanding: UInt64?
        /// Whether the last ones failed.
        let wasError: Bool
    }

    /// The largest packet to send now, in bytes of UDP payload.
    private(set) var size: Int
    /// The size with which the path begins.
    let base: Int
    /// The largest size of interest: the least of what the protocol, this node and the peer take.
    let limit: Int
    private let route: Route
    private var phase = Phase.base
    /// Bytes that arrived since the last probe left.
    private var traffic = 0
    /// Black holes above the base, and below it, since the size last grew by itself.
    private var blackHoles = 0
    private var errors = 0
    private var aboveBase = BlackHoleDetector(decisiveTimeouts: Self.timeoutsBeforeBase)
    private var aboveSmallest = BlackHoleDetector(decisiveTimeouts: Self.timeoutsBeforeSmallest)

    /// A path to `endpoint` on which packets of up to `limit` bytes are of use.
    init(endpoint: Endpoint, limit: Int) {
        base = endpoint.isRelay ? PacketLayout.relayedPathSize : PacketLayout.basePathSize
        size = base
        switch endpoint {
        case .ipv4: route = endpoint.isLoopback ? .loopback : .network(headerSize: 20 + 8)
        case .ipv6: route = endpoint.isLoopback ? .loopback : .network(headerSize: 40 + 8)
        case .connection, .relay: route = .relay
        }
        // What a relay carries is fixed (`Protocol.md` §10); so is what goes through a connection (§3.5).
        self.limit = endpoint.isDetour ? base : max(base, limit)
    }

    /// Whether the path carries its base, as far as is known (RFC 8899 §5.2: not in ERROR).
    var carriesBase: Bool {
        switch phase {
        case .base, .searching, .complete, .fallen: true
        case .doubted(let confirmation): !confirmation.wasError
        case .error: false
        }
    }

    /// Whether the next probe is to show that the path carries its base: that waits for no traffic.
    var isDoubted: Bool {
        switch phase {
        case .doubted: true
        case .base, .searching, .complete, .fallen, .error: false
        }
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
        case .error(let until):
            guard until <= now else { return nil }
            phase = .doubted(Confirmation(wasError: true))
            return base
        case .doubted(let confirmation):
            return confirmation.outstanding == nil ? base : nil
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

    /// What Ethernet, PPPoE (RFC 2516 §7: 8 bytes less), jumbo frames and IPv6's smallest link (RFC 8200 §5) carry is
    /// likely; then the interval is halved.
    private func candidate(above lower: Int, below upper: Int) -> Int {
        let likely: [Int] =
            switch route {
            case .loopback: [limit]
            case .network(let headerSize): [1500 - headerSize, 1492 - headerSize, limit, 9000 - headerSize, 1280 - 48]
            case .relay: []
            }
        return likely.first { $0 > lower && $0 < upper } ?? (lower + upper) / 2
    }

    /// The probe that ``nextProbe(at:)`` asked for left as packet `number`.
    mutating func sentProbe(_ number: UInt64) {
        switch phase {
        case .searching(var search):
            search.outstanding = number
            phase = .searching(search)
            traffic = 0
        case .doubted(var confirmation):
            confirmation.outstanding = number
            phase = .doubted(confirmation)
        case .base, .complete, .fallen, .error:
            break
        }
    }

    // MARK: What became of packets

    /// A probe of `byteCount` bytes arrived: this is the size from now on.
    mutating func acknowledge(probe byteCount: Int) {
        if isDoubted, byteCount == base {
            size = base
            phase = .base
        }
        guard var search = search(for: byteCount) else { return }
        search.losses = 0
        search.lower = byteCount
        size = byteCount
        errors = 0
        proceed(search)
    }

    /// A probe of `byteCount` bytes was lost.
    mutating func lose(probe byteCount: Int, at now: Instant) {
        if case .doubted(var confirmation) = phase, confirmation.outstanding != nil, byteCount == base {
            confirmation.outstanding = nil
            confirmation.losses += 1
            phase = .doubted(confirmation)
            if confirmation.losses == Self.maximumProbes { fail(at: now) }
        }
        guard var search = search(for: byteCount) else { return }
        search.losses += 1
        if search.losses == Self.maximumProbes {
            search.losses = 0
            search.upper = byteCount
        }
        proceed(search)
    }

    /// The probe on its way, if there is one; ``forgetProbe()`` when nothing will tell what became of it, as of those
    /// that were settled while another path was in use.
    var outstandingProbe: UInt64? {
        switch phase {
        case .searching(let search): search.outstanding
        case .doubted(let confirmation): confirmation.outstanding
        case .base, .complete, .fallen, .error: nil
        }
    }

    /// The probe on its way counts as never sent.
    mutating func forgetProbe() {
        switch phase {
        case .searching(var search):
            search.outstanding = nil
            phase = .searching(search)
        case .doubted(var confirmation):
            confirmation.outstanding = nil
            phase = .doubted(confirmation)
        case .base, .complete, .fallen, .error:
            break
        }
    }

    /// The search whose probe of `byteCount` bytes is on its way.
    private func search(for byteCount: Int) -> Search? {
        guard case .searching(let search) = phase, search.outstanding != nil, search.candidate == byteCount else {
            return nil
        }
        return search
    }

    /// Packets of `byteCount` together arrived, after `timeouts` probe time-outs in a row. `largeSentAt` and
    /// `baseSentAt`: when the latest of them left that are above ``base``, and of those up to it that are above the
    /// smallest size.
    mutating func acknowledge(
        byteCount: Int,
        largeSentAt: Instant?,
        baseSentAt: Instant?,
        timeouts: Int,
        at now: Instant
    ) {
        traffic = min(traffic + byteCount, Self.trafficPerProbe * limit)
        if let largeSentAt {
            aboveBase.arrive(largeSentAt)
            aboveSmallest.arrive(largeSentAt)
        }
        if let baseSentAt { aboveSmallest.arrive(baseSentAt) }
        guard timeouts >= Self.timeoutsBeforeBase else { return }
        aboveBase.endSilence(timeouts: timeouts, at: now)
        aboveSmallest.endSilence(timeouts: timeouts, at: now)
    }

    /// Packets were lost, probes aside. When the latest of them left: of those above ``base``, of those up to it that
    /// are above the smallest size, and of the others.
    mutating func lose(largeSentAt: Instant?, baseSentAt: Instant?, smallSentAt: Instant?, at now: Instant) {
        if size > base, let largeSentAt {
            let smallerSentAt = [baseSentAt, smallSentAt].compactMap(\.self).max()
            if aboveBase.lose(largeSentAt, smallerSentAt: smallerSentAt, at: now) { return fall(at: now) }
        }
        guard size >= base, let baseSentAt else { return }
        if aboveSmallest.lose(baseSentAt, smallerSentAt: smallSentAt, at: now) { doubt() }
    }

    /// The system refused to send packets of `byteCount` bytes: the interface takes no such ones. Returns the number of
    /// the probe that never left, if it was one.
    mutating func refuse(_ byteCount: Int, at now: Instant) -> UInt64? {
        guard byteCount > base else {
            guard byteCount > PacketLayout.smallestPathSize, carriesBase else { return nil }
            let probe = isDoubted ? outstandingProbe : nil
            fail(at: now)
            return probe
        }
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

    /// Back to what the path began with (RFC 8899 §4.3).
    private mutating func fall(at now: Instant) {
        size = base
        forgetSuspicions()
        phase = .fallen(until: now + Self.cooldown(after: blackHoles))
        blackHoles += 1
    }

    /// Whether even that arrives is to be shown (RFC 8899 §5.2).
    private mutating func doubt() {
        size = PacketLayout.smallestPathSize
        forgetSuspicions()
        phase = .doubted(Confirmation(wasError: false))
    }

    /// It does not.
    private mutating func fail(at now: Instant) {
        size = PacketLayout.smallestPathSize
        forgetSuspicions()
        phase = .error(until: now + Self.cooldown(after: errors))
        errors += 1
    }

    private mutating func forgetSuspicions() {
        aboveBase.forgetSuspicion()
        aboveSmallest.forgetSuspicion()
    }

    private static func cooldown(after failures: Int) -> Interval {
        min(firstCooldown * (1 << Int64(min(failures, 10))), raiseInterval)
    }
}
