import ArgumentParser
import Foundation

/// Work of a fixed size, for profilers.
enum FixedWorkload: String, CaseIterable, ExpressibleByArgument {
    /// Packets of a bulk stream between two nodes in memory.
    case bulk
    /// Calls of 300 bytes between two nodes in memory, one at a time.
    case calls
    /// HTTP requests through two sidecars in this process, on one kept connection.
    case request
    /// HTTP requests through two sidecars in this process, on 16 kept connections.
    case requests

    /// Does `count` packets, calls or requests.
    func run(_ count: Int) throws {
        switch self {
        case .bulk: try MemoryPair().sendBulk(packets: count)
        case .calls: try MemoryPair().call(requests: count)
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

extension Bench {
    /// Instructions, which no other load on the machine changes.
    static let instructions = Bench(
        name: "instructions",
        summary: "instructions of two nodes in memory by valgrind's callgrind: a large workload less a small one"
    ) { _ in
        // Takes as long as it takes, whatever the budget: the count does not depend on time.
        let callgrind = try Callgrind()
        return try [FixedWorkload.bulk, .calls].map { workload in
            let samples = try (0..<3).map { _ in try callgrind.perItem(workload) }
            return Measurement(
                what: "\(workload.rawValue): per \(workload.item)",
                unit: "instructions",
                samples: samples
            )
        }
    }
}

extension FixedWorkload {
    /// What the workload counts.
    var item: String {
        switch self {
        case .bulk: "packet, both sides and ACKs"
        case .calls: "call, both sides"
        case .request, .requests: "request, clients and server too"
        }
    }
}

/// A copy of this program that runs under callgrind: stripped, because valgrind does not get through the debug
/// information that Swift writes. Removed with the object.
private final class Callgrind {
    private static let small = 1000
    private static let large = 3000

    private let program = FileManager.default.temporaryDirectory
        .appendingPathComponent("postern-bench-\(UUID().uuidString)")

    init() throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        _ = try Self.run("/usr/bin/strip", ["--strip-debug", "-o", program.path, own], package: "binutils")
    }

    deinit {
        // What is left in the temporary directory harms nobody.
        try? FileManager.default.removeItem(at: program)
    }

    /// Instructions per item: start-up and handshake cancel out.
    func perItem(_ workload: FixedWorkload) throws -> Double {
        let difference = try total(workload, Self.large) - total(workload, Self.small)
        return Double(difference) / Double(Self.large - Self.small)
    }

    private func total(_ workload: FixedWorkload, _ count: Int) throws -> Int {
        let arguments = [
            "--tool=callgrind", "--callgrind-out-file=/dev/null", program.path, "workload", workload.rawValue,
            String(count),
        ]
        let output = try Self.run("/usr/bin/valgrind", arguments, package: "valgrind")
        for line in output.split(separator: "\n") where line.contains("Collected :") {
            guard let count = line.split(separator: " ").last.flatMap({ Int($0) }) else { break }
            return count
        }
        throw BenchError("callgrind did not say how much it collected:\n\(output)")
    }

    /// Runs a tool and returns what it wrote to standard error.
    private static func run(_ tool: String, _ arguments: [String], package: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardError = pipe
        do {
            try process.run()
        } catch {
            throw BenchError("\(tool) cannot be started; install the package \(package) (\(error))")
        }
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw BenchError("\(tool) failed:\n\(output)") }
        return output
    }
}
