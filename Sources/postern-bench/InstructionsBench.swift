import ArgumentParser
import Foundation

/// Work of a fixed size, for profilers.
enum FixedWorkload: String, CaseIterable, ExpressibleByArgument {
    /// Packets of a bulk stream between two nodes in memory.
    case bulk
    /// Calls of 300 bytes between two nodes in memory, one at a time.
    case calls

    /// Does `count` packets or calls.
    func run(_ count: Int) throws {
        let pair = try MemoryPair()
        switch self {
        case .bulk: try pair.sendBulk(packets: count)
        case .calls: try pair.call(requests: count)
        }
    }
}

extension Bench {
    /// Instructions, which no other load on the machine changes.
    static let instructions = Bench(
        name: "instructions",
        summary: "instructions of two nodes in memory by valgrind's callgrind: a large workload less a small one"
    ) { budget in
        try FixedWorkload.allCases.flatMap { workload -> [Measurement] in
            let samples = try (0..<3).map { _ in try Callgrind.perItem(workload) }
            return [Measurement(what: "\(workload.rawValue): per \(workload.item)", unit: "instructions", samples: samples)]
        }
    }
}

extension FixedWorkload {
    /// What the workload counts.
    var item: String {
        switch self {
        case .bulk: "packet, both sides and ACKs"
        case .calls: "call, both sides"
        }
    }
}

/// Runs this program under callgrind.
private enum Callgrind {
    private static let small = 1000
    private static let large = 3000

    /// Instructions per item: start-up and handshake cancel out.
    static func perItem(_ workload: FixedWorkload) throws -> Double {
        let difference = try total(workload, large) - total(workload, small)
        return Double(difference) / Double(large - small)
    }

    private static func total(_ workload: FixedWorkload, _ count: Int) throws -> Int {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/valgrind")
        process.arguments = [
            "--tool=callgrind", "--callgrind-out-file=/dev/null", CommandLine.arguments[0], "workload",
            workload.rawValue, String(count),
        ]
        let pipe = Pipe()
        process.standardError = pipe
        do {
            try process.run()
        } catch {
            throw BenchError("/usr/bin/valgrind cannot be started; install the package valgrind (\(error))")
        }
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw BenchError("callgrind failed:\n\(output)") }
        for line in output.split(separator: "\n") where line.contains("Collected :") {
            guard let count = line.split(separator: " ").last.flatMap({ Int($0) }) else { break }
            return count
        }
        throw BenchError("callgrind did not say how much it collected:\n\(output)")
    }
}
