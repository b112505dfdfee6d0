import OverlayCrypto
import PosternModel
import SidecarCore
import TrustCore

extension Bench {
    /// What the sidecar's core decides for each connection of a local client, and for each stream of a peer.
    static let route = Bench(
        name: "route",
        summary: "the core's part of a local client's connection, and of a peer's stream, by trusted peers"
    ) { budget in
        try [10, 1_000].flatMap { count in
            var world = try RouteWorld(peers: count)
            let time = budget.perRound(parts: 4)
            let routed = try budget.sample { try nanoseconds(for: time) { world.route() } }
            let admitted = try budget.sample { try nanoseconds(for: time) { world.decide() } }
            return [
                Measurement(what: "route to a connected peer, of \(count) trusted", unit: "ns", samples: routed),
                Measurement(what: "admission of a stream, of \(count) trusted peers", unit: "ns", samples: admitted),
            ]
        }
    }

    /// Nanoseconds that `body` takes, over `seconds`.
    private static func nanoseconds(for seconds: Double, _ body: () -> Void) throws -> Double {
        var count = 0.0
        let start = monotonicSeconds()
        repeat {
            for _ in 0..<100 { body() }
            count += 100
        } while monotonicSeconds() - start < seconds
        return (monotonicSeconds() - start) * 1e9 / count
    }
}

/// A sidecar that trusts many peers, with one of which it has a session.
private struct RouteWorld {
    private var sidecar: Sidecar
    private let peer: NodeKey
    private let now: Clocks
    private let target: ServiceTarget
    private let name: PeerName

    init(peers count: Int) throws {
        guard let service = ServiceName("agent"), let name = PeerName("peer-\(count)") else {
            throw BenchError("the names are valid")
        }
        now = Clocks(wall: Timestamp(seconds: 1_800_000_000), instant: Instant(nanoseconds: 0))
        target = .name(service)
        self.name = name
        let own = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        var facts: [TrustFact] = []
        var last = own
        for number in 1...count {
            let seed = (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 & 3)) &+ 7) }
            last = try NodeIdentity(seed: seed)
            let relationship = TrustRelationship(
                peer: last.key,
                given: Grant(from: own, to: last.key, services: .all, issued: now.wall),
                received: Grant(from: last, to: own.key, services: .all, issued: now.wall),
                secret: PreSharedKey(bytes: seed) ?? .none,
                claims: "peer-\(number)",
                hubs: [],
                candidates: [],
                since: now.wall
            )
            facts += [.trusted(relationship), .bound("peer-\(number)", to: last.key)]
        }
        peer = last.key
        let offered = Service(name: service, port: VirtualPort(80), kind: .mcp)
        let profile = SidecarProfile(
            name: "bench",
            hubs: [],
            exposed: [ExposedRule(service: offered, allow: [.trusted])]
        )
        sidecar = Sidecar(
            identity: own,
            profile: profile,
            facts: facts,
            random: RandomSource(seed: Array(repeating: 2, count: 32))
        )
        _ = sidecar.start(at: now)
        _ = sidecar.peerSession(peer, isUp: true, at: now)
        for action in sidecar.route(to: name, target, id: RouteID(1), at: now).actions {
            guard case .peerRequest(let id, _, _) = action else { continue }
            _ = sidecar.peerAnswered(id, .services([offered]), at: now)
        }
        guard sidecar.route(to: name, target, id: RouteID(1), at: now).actions.isEmpty else {
            throw BenchError("a known route needs no action")
        }
    }

    mutating func route() {
        _ = sidecar.route(to: name, target, id: RouteID(1), at: now)
    }

    mutating func decide() {
        _ = sidecar.decide(peer, VirtualPort(80), at: now)
    }
}
