import CAllocationCounter

extension Bench {
    /// Requests for memory.
    static let allocations = Bench(
        name: "allocations",
        summary: "how often memory is asked for in the steady state: two nodes in memory, then with SwiftNIO and UDP"
    ) { budget in
        guard allocationCount() > 0 else { throw BenchError("allocations are counted on Linux with glibc only") }
        let time = budget.perRound(parts: 5)
        let bulk = Measurement(
            what: "UDP: per MiB of a bulk stream",
            unit: "",
            samples: try bulkTransfer(budget, time)
        )
        let loads = [(CallMode.kept, "a kept stream"), (CallMode.fresh, "a stream of its own")]
        let calls = try loads.flatMap { mode, stream in
            try [1, 16].map { count in
                Measurement(
                    what: "UDP: per call of 300 B on \(stream), \(count) in flight",
                    unit: "",
                    samples: try perCall(CallLoad(mode: mode, inFlight: count), budget, time)
                )
            }
        }
        return try MemoryWorkload.allCases.map { try inMemory($0, budget) } + [bulk] + calls
    }

    /// Of the cores alone, in virtual time: the same in every run.
    private static func inMemory(_ workload: MemoryWorkload, _ budget: Budget) throws -> Measurement {
        let pair = try MemoryPair()
        try workload.run(10_000, on: pair)
        let samples = try (0..<budget.rounds).map { _ in
            let start = allocationCount()
            try workload.run(1000, on: pair)
            return Double(allocationCount() - start) / 1000
        }
        return Measurement(what: "memory: \(workload.item)", unit: "", samples: samples)
    }

    private static func bulkTransfer(_ budget: Budget, _ time: Double) throws -> [Double] {
        let transfer = try BulkTransfer()
        _ = try transfer.run(for: 1)
        let samples = try (0..<budget.rounds).map { _ in
            let result = try transfer.run(for: time)
            return Double(result.allocations) / Double(result.bytes) * Double(1 << 20)
        }
        try transfer.stop()
        return samples
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
