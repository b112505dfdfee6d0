import OverlayWire

extension Bench {
    /// What the detour over a relay costs.
    static let relay = Bench(
        name: "relay",
        summary:
            "a bulk stream and calls of 300 B between two nodes through a third, UDP on loopback; CPU is that of all"
    ) { budget in
        let time = budget.perRound(parts: 3)
        let bulk = try (0..<budget.rounds).map { _ in try RelayedRound(for: time) }
        let load = try CallLoad(mode: .kept, inFlight: 16, route: .relayed)
        _ = try load.run(for: min(time, 0.2))
        let calls = try (0..<budget.rounds).map { _ in try load.run(for: time) }
        try load.stop()
        return [
            Measurement(what: "bulk: rate", unit: "Gbit/s", samples: bulk.map(\.result.gigabits)),
            Measurement(
                what: "bulk: CPU of all three",
                unit: "s/GiB",
                samples: bulk.map(\.result.processorSecondsPerGiB)
            ),
            Measurement(what: "bulk: CPU of the relay for a packet", unit: "µs", samples: bulk.map(\.relayed)),
            Measurement(what: "the same on a direct path, both ends", unit: "µs", samples: bulk.map(\.direct)),
            Measurement(what: "the relay's as a part of it", unit: "×", samples: bulk.map { $0.relayed / $0.direct }),
            Measurement(what: "16 calls in flight: calls", unit: "/s", samples: calls.map(\.callsPerSecond)),
            Measurement(what: "16 calls in flight: CPU", unit: "µs", samples: calls.map(\.processorMicroseconds)),
            Measurement(what: "16 calls in flight: p50", unit: "µs", samples: calls.map { $0.latency(0.5) }),
            Measurement(what: "16 calls in flight: p99", unit: "µs", samples: calls.map { $0.latency(0.99) }),
        ]
    }
}

/// A bulk stream through a relay, and one on a direct path with packets of the same size.
private struct RelayedRound {
    let result: BulkTransfer.Result
    /// Microseconds of CPU: what the relay takes to pass a packet on, and what both ends of a direct path take for one
    /// to be sent and received.
    let relayed: Double
    let direct: Double

    /// The two take turns: each has the machine for itself.
    init(for time: Double) throws {
        let transfer = try BulkTransfer(.relayed)
        _ = try transfer.run(for: min(time, 0.5))
        let (packets, spent) = (try transfer.packetsRelayed(), try transfer.relaySeconds())
        result = try transfer.run(for: time)
        let count = try transfer.packetsRelayed() - packets
        // A direct path that was found meanwhile would make a fine figure, of something else.
        guard count > 100 else { throw BenchError("the nodes went around the relay") }
        relayed = (try transfer.relaySeconds() - spent) / Double(count) * 1e6
        try transfer.stop()
        let other = try BulkTransfer(maxPacketSize: PacketLayout.relayedPathSize)
        _ = try other.run(for: min(time, 0.5))
        let sent = try other.packetsBothWays()
        let seconds = try other.run(for: time).processorSeconds
        direct = seconds / Double(try other.packetsBothWays() - sent) * 1e6
        try other.stop()
    }
}
