import HubProtocol
import OverlayCrypto
import OverlayNIO
import PosternModel
import TrustCore

extension Bench {
    /// What a look-up costs.
    static let hubLookup = Bench(
        name: "hub-lookup",
        summary: "look-ups of a present peer at a hub over UDP on loopback: by signed grants that the hub has not "
            + "seen, by one that it has, and of a fellow member in a network of \(LookUps.memberCount)"
    ) { budget in
        let world = try HubWorld(database: budget.database)
        let lookUps = try LookUps(in: world)
        let time = budget.perRound(parts: 4)
        let together = try LookUps.Kind.allCases.map { kind in
            (kind, try rates(of: lookUps.client, inFlight: 8, budget, time) { lookUps.request($0, kind) })
        }
        let alone = try rates(of: lookUps.client, inFlight: 1, budget, time) { lookUps.request($0, .freshGrant) }
        try lookUps.stop()
        try world.stop()
        return together.flatMap { kind, rounds in
            [
                Measurement(what: "\(kind.rawValue), 8 in flight", unit: "/s", samples: rounds.map(\.rate)),
                Measurement(what: "\(kind.rawValue): CPU of both sides", unit: "µs", samples: rounds.map(\.cost)),
            ]
        } + [
            Measurement(what: "fresh grant, 1 in flight, p50", unit: "µs", samples: alone.map(\.median)),
            Measurement(what: "fresh grant, 1 in flight, p99", unit: "µs", samples: alone.map(\.slow)),
        ]
    }
}

/// One node that looks another up, which is present.
private struct LookUps: Sendable {
    /// By what right.
    enum Kind: String, CaseIterable, Sendable {
        case freshGrant = "fresh grant"
        case knownGrant = "known grant"
        case membership = "membership"
    }

    static let memberCount = 50
    /// More than the hub remembers.
    private static let grantCount = 2 * HubWorld.rememberedGrants

    let client: HubClient
    private let target: HubClient
    private let grants: [Grant]
    private let network: NetworkID

    init(in world: HubWorld) throws {
        client = try world.client()
        target = try world.client()
        for one in [client, target] {
            try one.ask(.register(contacts: []))
            try one.watch()
        }
        let (giver, subject) = (target.identity, client.key)
        grants = (0..<Self.grantCount).map { number in
            Grant(from: giver, to: subject, services: .all, issued: Timestamp(seconds: 1_800_000_000 + Int64(number)))
        }
        network = try Self.network(of: client, with: target.key)
    }

    func request(_ number: Int, _ kind: Kind) -> HubRequest {
        switch kind {
        case .freshGrant: .resolve(target: target.key, grant: grants[number % grants.count])
        case .knownGrant: .resolve(target: target.key, grant: grants[0])
        case .membership: .meet(target: target.key, in: network)
        }
    }

    func stop() throws {
        for one in [client, target] { try one.stop() }
    }

    private static func network(of founder: HubClient, with member: NodeKey) throws -> NetworkID {
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
        let others = try (0..<(memberCount - 2)).map { try HubWorld.identity(1_000_000 + $0).key }
        try founder.ask(.append(state.id, [genesis]))
        for node in [member] + others {
            let entry = author.write(.add(node, expires: nil), ["label": nil], using: random)
            try founder.ask(.append(state.id, [entry]))
        }
        return state.id
    }
}
