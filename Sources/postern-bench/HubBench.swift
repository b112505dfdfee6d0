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
        let clients = try (0..<8).map { _ in try world.client() }
        let time = budget.perRound(parts: 4)
        // Contact cards that change are written every time.
        let requests = { @Sendable (_: Int, number: Int) in
            HubRequest.register(contacts: [RecordID(ofBytes: Array("\(number)".utf8))])
        }
        let together = try rates(of: clients, inFlight: 8, budget, time, requests)
        let alone = try rates(of: [clients[0]], inFlight: 1, budget, time, requests)
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
        var costs: [Double] = []
        let crowd = try budget.sample {
            let spent = processorSeconds()
            let rate = try world.newcomers(inFlight: 32, for: time)
            costs.append((processorSeconds() - spent) / (rate * time) * 1e6)
            return rate
        }
        for client in clients { try client.stop() }
        try world.stop()
        return [
            Measurement(what: "64 in flight, of 8 nodes", unit: "/s", samples: together.map(\.rate)),
            Measurement(what: "64 in flight: CPU of both sides", unit: "µs", samples: together.map(\.cost)),
            Measurement(what: "1 in flight, p50", unit: "µs", samples: alone.map(\.median)),
            Measurement(what: "1 in flight, p99", unit: "µs", samples: alone.map(\.slow)),
            Measurement(what: "new nodes, 32 at a time", unit: "/s", samples: crowd),
            Measurement(what: "new nodes, 32 at a time: CPU of both sides", unit: "µs", samples: costs),
            Measurement(what: "a new node starts, shakes hands, registers and stops", unit: "ms", samples: fresh),
        ]
    }

    /// A round of requests.
    struct Round {
        /// Answers a second.
        let rate: Double
        /// Microseconds to an answer.
        let median: Double
        let slow: Double
        /// Microseconds of CPU for one, of both sides together.
        let cost: Double
    }

    static func rates(
        of clients: [HubClient],
        inFlight: Int,
        _ budget: Budget,
        _ seconds: Double,
        _ request: @escaping @Sendable (Int, Int) -> HubRequest
    ) throws -> [Round] {
        _ = try clients.ask(inFlight: inFlight, for: min(seconds, 0.2), request)
        return try (0..<budget.rounds).map { _ in
            let (start, spent) = (monotonicSeconds(), processorSeconds())
            let latencies = try clients.ask(inFlight: inFlight, for: seconds, request)
            guard !latencies.isEmpty else { throw BenchError("no request was answered") }
            let count = Double(latencies.count)
            return Round(
                rate: count / (monotonicSeconds() - start),
                median: latencies[latencies.count / 2],
                slow: latencies[latencies.count * 99 / 100],
                cost: (processorSeconds() - spent) / count * 1e6
            )
        }
    }
}
