extension Bench {
    /// Instructions, which no other load on the machine changes.
    static let instructions = Bench(
        name: "instructions",
        summary: "instructions of two nodes in memory by valgrind's callgrind: a large workload less a small one"
    ) { _ in
        // Takes as long as it takes, whatever the time given, and once is enough: every run counts the same.
        let callgrind = try Callgrind()
        return try MemoryWorkload.allCases.flatMap { workload in
            let counts = try callgrind.perItem(workload.fixed)
            return CallgrindProfile.Owner.allCases.map { owner in
                Measurement(
                    what: "\(workload.item): \(owner.rawValue)",
                    unit: "instructions",
                    samples: [counts[owner] ?? 0]
                )
            }
        }
    }
}
