import NIOCore

extension Bench {
    /// The whole way of a request, as a client sees it.
    static let http = Bench(
        name: "http",
        summary:
            "HTTP POST, 300 B each way, kept connections: client, sidecar, UDP, sidecar, server, in one process"
    ) { budget in
        let load = try HTTPLoad()
        let sidecars = try SidecarPair(upstream: load.upstream)
        let counts = [1, 16, 64]
        let time = budget.perRound(parts: counts.count * 2)
        var measurements: [Measurement] = []
        for count in counts {
            let through = try rounds(budget, load, count, sidecars.entrance, time) { try sidecars.processorSeconds() }
            let direct = try rounds(budget, load, count, load.upstream, time) { 0 }
            measurements += through.measurements("\(count) connections through two sidecars: ", withProcessor: true)
            measurements += direct.measurements("\(count) connections without sidecars: ", withProcessor: false)
        }
        try sidecars.stop()
        try load.stop()
        return measurements
    }

    private static func rounds(
        _ budget: Budget,
        _ load: HTTPLoad,
        _ connections: Int,
        _ address: SocketAddress,
        _ time: Double,
        _ sidecarSeconds: () throws -> Double
    ) throws -> [HTTPRound] {
        let clients = try load.connect(connections, to: address)
        _ = try clients.run(for: min(time, 0.3))
        let rounds = try (0..<budget.rounds).map { _ in
            let start = (monotonicSeconds(), try sidecarSeconds())
            let latencies = try clients.run(for: time)
            let end = (monotonicSeconds(), try sidecarSeconds())
            return HTTPRound(seconds: end.0 - start.0, sidecarSeconds: end.1 - start.1, latencies: latencies)
        }
        try clients.close()
        return rounds
    }
}

/// What one round of requests gave.
private struct HTTPRound {
    var seconds: Double
    var sidecarSeconds: Double
    /// Microseconds, sorted.
    var latencies: [Double]
}

extension [HTTPRound] {
    fileprivate func measurements(_ what: String, withProcessor: Bool) -> [Measurement] {
        var result = [
            Measurement(what: what + "requests", unit: "/s", samples: map { Double($0.latencies.count) / $0.seconds }),
            Measurement(what: what + "p50", unit: "µs", samples: map { $0.latencies[$0.latencies.count / 2] }),
            Measurement(what: what + "p99", unit: "µs", samples: map { $0.latencies[$0.latencies.count * 99 / 100] }),
        ]
        if withProcessor {
            result.append(
                Measurement(
                    what: what + "CPU of both sidecars",
                    unit: "µs",
                    samples: map { $0.sidecarSeconds * 1e6 / Double($0.latencies.count) }
                )
            )
        }
        return result
    }
}
