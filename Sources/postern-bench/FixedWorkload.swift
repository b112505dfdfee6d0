import ArgumentParser

/// Work of a fixed size, for profilers.
enum FixedWorkload: String, CaseIterable, ExpressibleByArgument {
    /// Packets of a bulk stream between two nodes in memory.
    case bulk
    /// Calls of 300 bytes between two nodes in memory, one at a time, each on a stream of its own.
    case calls
    /// The same calls on one stream that is kept.
    case kept
    /// HTTP requests through two sidecars in this process, on one kept connection.
    case request
    /// HTTP requests through two sidecars in this process, on 16 kept connections.
    case requests

    /// Does `count` packets, calls or requests.
    func run(_ count: Int) throws {
        switch self {
        case .bulk: try MemoryWorkload.bulk.run(count, on: MemoryPair())
        case .calls: try MemoryWorkload.calls.run(count, on: MemoryPair())
        case .kept: try MemoryWorkload.kept.run(count, on: MemoryPair())
        case .request: try Self.request(count, connections: 1)
        case .requests: try Self.request(count, connections: 16)
        }
    }

    private static func request(_ count: Int, connections: Int) throws {
        let load = try HTTPLoad()
        let sidecars = try SidecarPair(upstream: load.upstream)
        let clients = try load.connect(connections, to: sidecars.entrance)
        try clients.run(requests: count)
        try clients.close()
        try sidecars.stop()
        try load.stop()
    }
}

/// Work of two nodes in memory and in virtual time: it costs the same whenever it is done.
enum MemoryWorkload: CaseIterable {
    case bulk
    case calls
    case kept

    /// What is counted.
    var item: String {
        switch self {
        case .bulk: "bulk: per packet of \(MemoryPair.packetSize) B, both sides and ACKs"
        case .calls: "calls: per call of 300 B on a stream of its own, both sides"
        case .kept: "kept: per call of 300 B on a kept stream, both sides"
        }
    }

    /// The same work for profilers.
    var fixed: FixedWorkload {
        switch self {
        case .bulk: .bulk
        case .calls: .calls
        case .kept: .kept
        }
    }

    /// Does `count` packets or calls on `pair`.
    func run(_ count: Int, on pair: MemoryPair) throws {
        switch self {
        case .bulk: try pair.sendBulk(packets: count)
        case .calls: try pair.call(requests: count)
        case .kept: try pair.callKept(requests: count)
        }
    }
}
