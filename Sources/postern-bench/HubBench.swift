import HubProtocol
import PosternModel
import TrustCore

extension Bench {
    /// What registration costs.
    static let hubRegister = Bench(
        name: "hub-register",
        summary: "registrations with a hub over UDP on loopback, each written to the store before it is answered"
    ) { budget in
        let world = try HubWorld(database: budget.database)
        let client = try world.client()
        let time = budget.perRound(parts: 4)
        // Contact cards that change are written every time.
        let requests = { @Sendable (count: Int) in
            HubRequest.register(contacts: [RecordID(ofBytes: Array("\(count)".utf8))])
        }
        let together = try rates(of: client, inFlight: 8, budget, time, requests)
        let alone = try rates(of: client, inFlight: 1, budget, time, requests)
        let fresh = try budget.sample {
            var count = 0.0
            let start = monotonicSeconds()
            repeat {
                let stranger = try world.client()
                try stranger.ask(.register(contacts: []))
                try stranger.stop()
                count += 1
            } while monotonicSeconds() - start < time
            return (monotonicSeconds() - start) / count * 1000
        }
        let crowd = try budget.sample { try world.newcomers(inFlight: 32, for: time) }
        try client.stop()
        try world.stop()
        return [
            Measurement(what: "8 in flight", unit: "/s", samples: together.map(\.rate)),
            Measurement(what: "1 in flight, p50", unit: "µs", samples: alone.map(\.median)),
            Measurement(what: "1 in flight, p99", unit: "µs", samples: alone.map(\.slow)),
            Measurement(what: "new nodes, 32 at a time", unit: "/s", samples: crowd),
            Measurement(what: "a new node starts, shakes hands, registers and stops", unit: "ms", samples: fresh),
        ]
    }

    /// What a look-up costs.
    static let hubLookup = Bench(
        name: "hub-lookup",
        summary: "look-ups of a present peer at a hub over UDP on loopback, its signed grant verified every time"
    ) { budget in
        let world = try HubWorld(database: budget.database)
        let (client, target) = (try world.client(), try world.client())
        for one in [client, target] {
            try one.ask(.register(contacts: []))
            try one.watch()
        }
        let grant = Grant(
            from: target.identity,
            to: client.key,
            services: .all,
            issued: Timestamp(seconds: 1_800_000_000)
        )
        let key = target.key
        let time = budget.perRound(parts: 2)
        let requests = { @Sendable (_: Int) in HubRequest.resolve(target: key, grant: grant) }
        let together = try rates(of: client, inFlight: 8, budget, time, requests)
        let alone = try rates(of: client, inFlight: 1, budget, time, requests)
        for one in [client, target] { try one.stop() }
        try world.stop()
        return [
            Measurement(what: "8 in flight", unit: "/s", samples: together.map(\.rate)),
            Measurement(what: "1 in flight, p50", unit: "µs", samples: alone.map(\.median)),
            Measurement(what: "1 in flight, p99", unit: "µs", samples: alone.map(\.slow)),
        ]
    }

    private static func rates(
        of client: HubClient,
        inFlight: Int,
        _ budget: Budget,
        _ seconds: Double,
        _ request: @escaping @Sendable (Int) -> HubRequest
    ) throws -> [(rate: Double, median: Double, slow: Double)] {
        _ = try client.ask(inFlight: inFlight, for: min(seconds, 0.2), request)
        return try (0..<budget.rounds).map { _ in
            let start = monotonicSeconds()
            let latencies = try client.ask(inFlight: inFlight, for: seconds, request)
            guard !latencies.isEmpty else { throw BenchError("no request was answered") }
            let rate = Double(latencies.count) / (monotonicSeconds() - start)
            return (rate, latencies[latencies.count / 2], latencies[latencies.count * 99 / 100])
        }
    }
}
