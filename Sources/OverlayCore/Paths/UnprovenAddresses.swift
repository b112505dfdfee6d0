import OverlayWire
import PosternModel

/// What a session may send to addresses at which the peer has not shown that it receives, beside the path in use
/// (RFC 9000 §8.1, §8.2.1; `Protocol.md` §4.8): three times what came from there, a handful of small packets to a
/// candidate, and a few packets a second to all of them together. So no peer can turn this node against a third party.
struct UnprovenAddresses {
    /// Smallest packets that a candidate gets before the peer is heard from it.
    static let handful = 4
    /// After that: one more after this time, and then after twice as long each, up to ``longestRest``.
    static let firstRest = Interval.seconds(60)
    static let longestRest = Interval.seconds(3600)
    /// Packets to all unproven addresses: one in this time…
    static let spacing = Interval.milliseconds(250)
    /// …and so many at once after a rest.
    static let burst: Int64 = 16
    /// Addresses that are remembered; the one that was added first goes.
    static let maximum = 32

    /// Whether a packet may leave.
    enum Verdict: Equatable {
        /// It may, with so many bytes.
        case allowed(Int)
        /// The address may have it, but the session has sent too many.
        case wait(until: Instant)
        /// The address has had what it may have.
        case refused
    }

    private struct Entry {
        let remote: Endpoint
        var limit: AntiAmplificationLimit
        /// When a candidate that has used up its handful gets one more packet, and how long it waits for the next.
        var nextAt: Instant
        var rest: Interval
    }

    private var entries: [Entry] = []
    /// When everything that left will have been paid off.
    private var due = Instant(nanoseconds: .min)

    /// Addresses that are remembered.
    var count: Int { entries.count }

    /// An authentic packet of `byteCount` bytes came from there.
    mutating func hear(_ remote: Endpoint, byteCount: Int, at now: Instant) {
        let position = position(of: remote) ?? add(remote, at: now)
        entries[position].limit.receive(byteCount)
    }

    /// The peer may be there. `isNamed`: this node's own configuration says so, and each round gets a handful.
    mutating func offer(_ remote: Endpoint, smallest: Int, isNamed: Bool, at now: Instant) {
        guard let position = position(of: remote) else {
            entries[add(remote, at: now)].limit = Self.grant(Self.handful * smallest)
            return
        }
        if isNamed {
            let missing = Self.handful * smallest - entries[position].limit.left
            if missing > 0 { entries[position].limit = Self.grant(Self.handful * smallest) }
        } else if entries[position].nextAt <= now, entries[position].limit.left < smallest {
            entries[position].limit = Self.grant(smallest)
            entries[position].nextAt = now + entries[position].rest
            entries[position].rest = min(entries[position].rest * 2, Self.longestRest)
        }
    }

    /// Whether a packet of `wanted` bytes, or else of `smallest`, may go there. `isAttested`: a hub of ours sees the
    /// peer at that address, and only what the one endpoint may have counts.
    func judge(_ remote: Endpoint, wanted: Int, smallest: Int, isAttested: Bool, at now: Instant) -> Verdict {
        guard let position = position(of: remote), entries[position].limit.left >= smallest else { return .refused }
        let credit = due - Self.spacing * (Self.burst - 1)
        guard isAttested || credit <= now else { return .wait(until: credit) }
        // RFC 9000 §8.2.1: padded as far as the limit allows; less than all of it proves no size.
        return .allowed(entries[position].limit.left >= wanted ? wanted : smallest)
    }

    /// A packet leaves.
    mutating func spend(_ remote: Endpoint, byteCount: Int, isAttested: Bool, at now: Instant) {
        if !isAttested { due = max(due, now) + Self.spacing }
        if let position = position(of: remote) { entries[position].limit.spend(byteCount) }
    }

    /// The peer receives there.
    mutating func prove(_ remote: Endpoint) {
        entries.removeAll { $0.remote == remote }
    }

    /// This node has moved: what did not answer may do so now.
    mutating func renew(at now: Instant) {
        for position in entries.indices {
            entries[position].nextAt = now
            entries[position].rest = Self.firstRest
        }
    }

    private static func grant(_ byteCount: Int) -> AntiAmplificationLimit {
        var limit = AntiAmplificationLimit(received: (byteCount + AntiAmplificationLimit.factor - 1))
        limit.spend(limit.left - byteCount)
        return limit
    }

    private func position(of remote: Endpoint) -> Int? { entries.firstIndex { $0.remote == remote } }

    private mutating func add(_ remote: Endpoint, at now: Instant) -> Int {
        if entries.count == Self.maximum { entries.removeFirst() }
        let limit = AntiAmplificationLimit(received: 0)
        entries.append(Entry(remote: remote, limit: limit, nextAt: now + Self.firstRest, rest: Self.firstRest * 2))
        return entries.count - 1
    }
}
