import CAllocationCounter

extension Bench {
    /// Requests for memory.
    static let allocations = Bench(
        name: "allocations",
        summary: "how often memory is asked for in the steady state, both nodes and SwiftNIO together"
    ) { budget in
        guard allocationCount() > 0 else { throw BenchError("allocations are counted on Linux with glibc only") }
        let time = budget.perRound(parts: 3)
        let transfer = try BulkTransfer()
        _ = try transfer.run(for: 1)
        let bulk = try (0..<budget.rounds).map { _ in
            let result = try transfer.run(for: time)
            return Double(result.allocations) / Double(max(result.packets, 1))
        }
        try transfer.stop()
        let kept = try perCall(CallLoad(mode: .kept, inFlight: 16), budget, time)
        let fresh = try perCall(CallLoad(mode: .fresh, inFlight: 16), budget, time)
        return [
            Measurement(what: "per packet of a bulk stream", unit: "", samples: bulk, limit: 0.1),
            Measurement(what: "per call of 300 B on a kept stream, 16 in flight", unit: "", samples: kept),
            Measurement(what: "per call of 300 B on a stream of its own, 16 in flight", unit: "", samples: fresh),
        ]
    }

    private static func perCall(_ load: CallLoad, _ budget: Budget, _ time: Double) throws -> [Double] {
        _ = try load.run(for: 0.5)
        let samples = try (0..<budget.rounds).map { _ in
            let result = try load.run(for: time)
            return Double(result.allocations) / Double(result.latencies.count)
        }
        try load.stop()
        return samples
    }
}

/// Requests for memory by any thread since the process began.
func allocationCount() -> UInt64 {
    allocation_count()
}
