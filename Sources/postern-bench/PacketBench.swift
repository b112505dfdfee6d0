extension Bench {
    /// The core alone: two nodes, no sockets.
    static let packet = Bench(
        name: "packet",
        summary:
            "two nodes in memory, one thread: building, sealing, opening and handling, both sides and ACKs included"
    ) { budget in
        let pair = try MemoryPair()
        let time = budget.perRound(parts: 2)
        let bulk = try budget.sample {
            try costPerItem(for: time, batch: 2000) { try pair.sendBulk(packets: $0) }
        }
        let requests = try budget.sample {
            try costPerItem(for: time, batch: 200) { try pair.call(requests: $0) }
        }
        return [
            Measurement(
                what: "bulk: one full packet from stream to stream",
                unit: "ns",
                samples: bulk.map { $0 * 1e9 }
            ),
            Measurement(
                what: "request and answer of 300 B on a stream of its own",
                unit: "ns",
                samples: requests.map { $0 * 1e9 }
            ),
        ]
    }
}

/// Seconds that one item takes when `work` is done in batches for `seconds`.
func costPerItem(for seconds: Double, batch: Int, _ work: (Int) throws -> Void) rethrows -> Double {
    let start = monotonicSeconds()
    var count = 0
    var elapsed = 0.0
    repeat {
        try work(batch)
        count += batch
        elapsed = monotonicSeconds() - start
    } while elapsed < seconds
    return elapsed / Double(count)
}
