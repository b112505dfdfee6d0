import Foundation

/// A copy of this program that runs under callgrind: stripped, because valgrind does not get through the debug
/// information that Swift writes. Removed with the object.
///
/// valgrind tells programs of a processor with AVX2 and AES instructions, whatever more the host has. So the code that
/// libsodium and the C library choose is the same on every host that has at least those, and the counts repeat.
final class Callgrind {
    private static let small = 1000
    private static let large = 3000

    private let program: URL
    private let profile: URL

    init() throws {
        let name = "postern-bench-\(UUID().uuidString)"
        program = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        profile = program.appendingPathExtension("callgrind")
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        _ = try Self.run("/usr/bin/strip", ["--strip-debug", "-o", program.path, own], package: "binutils")
    }

    deinit {
        // What is left in the temporary directory harms nobody.
        try? FileManager.default.removeItem(at: program)
        try? FileManager.default.removeItem(at: profile)
    }

    /// Instructions per item by owner: start-up and handshake cancel out.
    func perItem(_ workload: FixedWorkload) throws -> [CallgrindProfile.Owner: Double] {
        let large = try profile(workload, Self.large)
        let small = try profile(workload, Self.small)
        return large.instructions.reduce(into: [:]) { result, entry in
            let difference = entry.value - (small.instructions[entry.key] ?? 0)
            result[entry.key] = Double(difference) / Double(Self.large - Self.small)
        }
    }

    private func profile(_ workload: FixedWorkload, _ count: Int) throws -> CallgrindProfile {
        let arguments = [
            "--tool=callgrind", "--callgrind-out-file=\(profile.path)", program.path, "workload", workload.rawValue,
            String(count),
        ]
        _ = try Self.run("/usr/bin/valgrind", arguments, package: "valgrind")
        return try CallgrindProfile(String(decoding: try Data(contentsOf: profile), as: UTF8.self))
    }

    /// Runs a tool and returns what it wrote to standard error.
    private static func run(_ tool: String, _ arguments: [String], package: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = arguments
        // Hash tables whose order changes from run to run take other numbers of steps.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_DETERMINISTIC_HASHING": "1"]) { $1 }
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
