import ArgumentParser
import Foundation
import OverlayCrypto
import OverlayWire

/// Measures what Postern costs. Every result says what was measured, how often, its median and its spread.
@main
struct PosternBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postern-bench",
        abstract: "Throughput, latency, allocations and instructions of Postern.",
        subcommands: [List.self, Run.self, Workload.self, NoiseVectorsCommand.self]
    )

    /// Exits with 0 when all is well, 1 when a bench failed or a limit was missed, 2 on wrong usage.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            FileHandle.standardError.write(Data((fullMessage(for: error) + "\n").utf8))
            Foundation.exit(2)
        }
    }
}

/// `postern-bench list`
struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Name the benches.")

    func run() {
        for bench in Bench.all {
            print(bench.name + String(repeating: " ", count: max(1, 14 - bench.name.count)) + bench.summary)
        }
    }
}

/// `postern-bench run NAME`
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run one bench.")

    @Argument(help: "The bench, as `postern-bench list` names it.")
    var name: String

    @Flag(help: "Print one JSON document.")
    var json = false

    @Option(help: "About how long to measure, in seconds.")
    var seconds: Double = 5

    func validate() throws {
        guard Bench.all.contains(where: { $0.name == name }) else {
            throw ValidationError("there is no bench \"\(name)\"; `postern-bench list` names them")
        }
        guard seconds > 0, seconds <= 600 else {
            throw ValidationError("--seconds \(seconds) is not between 0 and 600")
        }
    }

    func run() throws {
        guard let bench = Bench.all.first(where: { $0.name == name }) else { throw ExitCode.failure }
        let measurements = try bench.run(Budget(seconds: seconds))
        let report = Report(bench: bench, measurements: measurements)
        print(json ? report.json.compactText : report.text)
        guard measurements.allSatisfy(\.isWithinLimit) else { throw ExitCode.failure }
    }
}

/// `postern-bench workload NAME`: what `instructions` runs under callgrind.
struct Workload: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Do a fixed amount of work and print nothing: for profilers.",
        discussion: "Workloads: \(FixedWorkload.allCases.map(\.rawValue).joined(separator: ", "))."
    )

    @Argument(help: "The workload.")
    var name: FixedWorkload

    @Argument(help: "How many packets or requests.")
    var count: Int

    func run() throws {
        try name.run(count)
    }
}

/// `postern-bench noise-vectors FILE…`
struct NoiseVectorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "noise-vectors",
        abstract: "Check the handshake against test vectors in the JSON format of cacophony and snow."
    )

    @Argument(help: "Files of vectors.", completion: .file(extensions: ["json", "txt"]))
    var files: [String]

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name at least one file of vectors") }
    }

    func run() throws {
        var passed = 0
        var failed = 0
        for file in files {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw ValidationError("\(file) cannot be read")
            }
            let result = NoiseVectors.run(json: String(decoding: data, as: UTF8.self))
            for failure in result.failures { print("\(file): \(failure)") }
            print(
                "\(file): \(result.passed) passed, \(result.failed) failed, \(result.skipped) skipped: other protocols"
            )
            passed += result.passed
            failed += result.failed
        }
        print("\(passed) passed, \(failed) failed")
        guard failed == 0, passed > 0 else { throw ExitCode.failure }
    }
}
