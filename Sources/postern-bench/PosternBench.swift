import ArgumentParser
import CRuntime
import Foundation
import PosternModel

/// Measures what Postern costs. Every result says what was measured, how often, its median and its spread.
@main
struct PosternBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postern-bench",
        abstract: "Throughput, latency, allocations and instructions of Postern.",
        subcommands: [List.self, Run.self, BudgetsCommand.self, Workload.self, NoiseVectorsCommand.self]
    )

    /// Exits with 0 when all is well, 1 when a bench failed or a limit was missed, 2 on wrong usage.
    static func main() {
        #if !DEBUG
        skip_exclusivity_checks()
        #endif
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

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() {
        let vectors = "the handshake against vectors in the JSON format of cacophony and snow"
        guard !json else {
            let all = Bench.all.map { ($0.name, $0.summary) } + [(NoiseVectorsCommand.name, vectors)]
            let list = all.map { name, summary -> JSONValue in ["name": .string(name), "summary": .string(summary)] }
            return print(JSONValue.array(list).compactText)
        }
        for bench in Bench.all {
            print(bench.name + String(repeating: " ", count: max(1, 14 - bench.name.count)) + bench.summary)
        }
        print("noise-vectors FILE…  \(vectors)")
    }
}

/// `postern-bench run NAME`
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run one bench.")

    @Argument(help: "The bench, as `postern-bench list` names it.")
    var name: String

    @Argument(help: "Files of vectors, for noise-vectors.", completion: .file(extensions: ["json", "txt"]))
    var files: [String] = []

    @Flag(help: "Print one JSON document.")
    var json = false

    @Option(help: "About how long to measure, in seconds.")
    var seconds: Double = 5

    @Option(help: "For hub-register and hub-lookup: a postgresql:// URL or a file of SQLite in place of a new file.")
    var database: String?

    @Option(help: "For hub-idle: the URL of a running hub.")
    var hub: String?

    func validate() throws {
        if name == NoiseVectorsCommand.name {
            guard !files.isEmpty else { throw ValidationError("name at least one file of vectors") }
            return
        }
        guard files.isEmpty else { throw ValidationError("\(name) takes no file, but \(files[0]) was given") }
        guard Bench.all.contains(where: { $0.name == name }) else {
            throw ValidationError("there is no bench \"\(name)\"; `postern-bench list` names them")
        }
        guard database == nil || ["hub-register", "hub-lookup"].contains(name) else {
            throw ValidationError("\(name) needs no --database")
        }
        guard hub == nil || name == "hub-idle" else { throw ValidationError("\(name) needs no --hub") }
        guard seconds > 0, seconds <= 900 else {
            throw ValidationError("--seconds \(seconds) is not between 0 and 900")
        }
    }

    func run() throws {
        if name == NoiseVectorsCommand.name { return try VectorCheck(files: files, isJSON: json).run() }
        guard let bench = Bench.all.first(where: { $0.name == name }) else { throw ExitCode.failure }
        let measurements = try bench.run(Budget(seconds: seconds, database: database, hub: hub))
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

/// `postern-bench noise-vectors FILE…`, the short form of `postern-bench run noise-vectors FILE…`
struct NoiseVectorsCommand: ParsableCommand {
    static let name = "noise-vectors"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Check the handshake against test vectors in the JSON format of cacophony and snow."
    )

    @Argument(help: "Files of vectors.", completion: .file(extensions: ["json", "txt"]))
    var files: [String]

    @Flag(help: "Print one JSON document.")
    var json = false

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name at least one file of vectors") }
    }

    func run() throws {
        try VectorCheck(files: files, isJSON: json).run()
    }
}
