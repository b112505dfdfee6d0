import HubProtocol
import OverlayCrypto
import OverlayNIO
import PosternModel
import Synchronization
import TrustCore

extension Bench {
    /// What a look-up costs.
    static let hubLookup = Bench(
        name: "hub-lookup",
        summary: "8 nodes look a present peer up at a hub over UDP on loopback: by signed grants that the hub has not "
            + "seen, by one that it has, and of a fellow member in a network of \(LookUps.memberCount)"
    ) { budget in
        let world = try HubWorld(database: budget.database)
        let lookUps = try LookUps(in: world)
        let time = budget.perRound(parts: 4)
        let together = try LookUps.Kind.allCases.map { kind -> (LookUps.Kind, [Round]) in
            let rounds = try rates(of: lookUps.clients, inFlight: 8, budget, time) { place, _ in
                lookUps.request(of: place, kind)
            }
            return (kind, rounds)
        }
        let alone = try rates(of: [lookUps.clients[0]], inFlight: 1, budget, time) { place, _ in
            lookUps.request(of: place, .freshGrant)
        }
        try lookUps.stop()
        try world.stop()
        return together.flatMap { kind, rounds in
            [
                Measurement(what: "\(kind.rawValue), 64 in flight", unit: "/s", samples: rounds.map(\.rate)),
                Measurement(what: "\(kind.rawValue): CPU of both sides", unit: "µs", samples: rounds.map(\.cost)),
            ]
        } + [
            Measurement(what: "fresh grant, 1 in flight, p50", unit: "µs", samples: alone.map(\.median)),
            Measurement(what: "fresh grant, 1 in flight, p99", unit: "µs", samples: alone.map(\.slow)),
        ]
    }
}

/// Nodes that look another up, which is present.
private struct LookUps: Sendable {
    /// By what right.
    enum Kind: String, CaseIterable, Sendable {
        case freshGrant = "fresh grant"
        case knownGrant = "known grant"
        case membership = "membership"
    }

    static let memberCount = 50
    private static let clientCount = 8
    /// Of each node: together more than the hub remembers, also when one asks faster than the others.
    private static let grantCount = 4 * HubWorld.rememberedGrants / clientCount

    let clients: [HubClient]
    private let target: HubClient
    private let grants: [[Grant]]
    /// How many of them each node has shown: the next round goes on with those behind.
    private let shown = Shown(Self.clientCount)
    private let network: NetworkID

    init(in world: HubWorld) throws {
        clients = try (0..<Self.clientCount).map { _ in try world.client() }
        target = try world.client()
        for one in clients + [target] {
            try one.ask(.register(contacts: []))
            try one.watch()
        }
        let giver = target.identity
        grants = clients.map { client in
            (0..<Self.grantCount).map { number in
                let issued = Timestamp(seconds: 1_800_000_000 + Int64(number))
                return Grant(from: giver, to: client.key, services: .all, issued: issued)
            }
        }
        network = try Self.network(of: clients[0], with: clients.dropFirst().map(\.key) + [target.key])
    }

    func request(of place: Int, _ kind: Kind) -> HubRequest {
        switch kind {
        case .freshGrant: .resolve(target: target.key, grant: freshGrant(of: place))
        case .knownGrant: .resolve(target: target.key, grant: grants[place][0])
        case .membership: .meet(target: target.key, in: network)
        }
    }

    private func freshGrant(of place: Int) -> Grant {
        grants[place][shown.next(at: place) % Self.grantCount]
    }

    private final class Shown: Sendable {
        private let counts: Mutex<[Int]>

        init(_ count: Int) {
            counts = Mutex(Array(repeating: 0, count: count))
        }

        func next(at place: Int) -> Int {
            counts.withLock { counts in
                counts[place] += 1
                return counts[place]
            }
        }
    }

    func stop() throws {
        for one in clients + [target] { try one.stop() }
    }

    private static func network(of founder: HubClient, with members: [NodeKey]) throws -> NetworkID {
        let random = RandomSource(seed: Array(repeating: 7, count: 32))
        let now = Clocks.now().wall
        let (genesis, key) = NetworkAuthor.found(
            by: founder.identity,
            name: "bench",
            label: nil,
            hubs: [],
            at: now,
            using: random
        )
        let state = try NetworkState(genesis)
        var author = NetworkAuthor(founder.identity, after: state, key: key, at: now)
        let others = try (members.count + 1..<memberCount).map { try HubWorld.identity(100_000_000 + $0).key }
        try founder.ask(.append(state.id, [genesis]))
        for node in members + others {
            let entry = author.write(.add(node, expires: nil), ["label": nil], using: random)
            try founder.ask(.append(state.id, [entry]))
        }
        return state.id
    }
}
