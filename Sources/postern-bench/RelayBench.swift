extension Bench {
    /// What the detour over a relay costs.
    static let relay = Bench(
        name: "relay",
        summary:
            "a bulk stream and calls of 300 B between two nodes through a third, UDP on loopback; CPU is that of all"
    ) { budget in
        let time = budget.perRound(parts: 2)
        let transfer = try BulkTransfer(.relayed)
        _ = try transfer.run(for: min(time, 1))
        let bulk = try (0..<budget.rounds).map { _ in
            let before = try transfer.packetsRelayed()
            let result = try transfer.run(for: time)
            // A direct path that was found meanwhile would make a fine figure, of something else.
            guard try transfer.packetsRelayed() > before + 100 else {
                throw BenchError("the nodes went around the relay")
            }
            return result
        }
        try transfer.stop()
        let load = try CallLoad(mode: .kept, inFlight: 16, route: .relayed)
        _ = try load.run(for: min(time, 0.2))
        let calls = try (0..<budget.rounds).map { _ in try load.run(for: time) }
        try load.stop()
        return [
            Measurement(what: "bulk: rate", unit: "Gbit/s", samples: bulk.map(\.gigabits)),
            Measurement(what: "bulk: CPU of all three", unit: "s/GiB", samples: bulk.map(\.processorSecondsPerGiB)),
            Measurement(what: "16 calls in flight: calls", unit: "/s", samples: calls.map(\.callsPerSecond)),
            Measurement(what: "16 calls in flight: CPU", unit: "µs", samples: calls.map(\.processorMicroseconds)),
            Measurement(what: "16 calls in flight: p50", unit: "µs", samples: calls.map { $0.latency(0.5) }),
            Measurement(what: "16 calls in flight: p99", unit: "µs", samples: calls.map { $0.latency(0.99) }),
        ]
    }
}
