import ArgumentParser
import PosternModel
import Simulation

/// Runs one world.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs the world of one seed and prints what it came to."
    )

    @Option(help: "The seed: the same one gives the same run.")
    var seed: UInt64

    @Option(help: "The scenario, one of `postern-sim list`.")
    var scenario = ScenarioName.swarm

    @Flag(help: "Print one line per packet and moment: time, from, to, bytes, type, what happened.")
    var trace = false

    @Option(help: "Leave out parts of the scenario, as `postern-sim minimise` prints them.")
    var without = Reduction()

    @Option(help: "Write packets, losses and congestion windows into this file, as qlog's JSON text sequence.")
    var qlog: String?

    func run() throws {
        let world = try World(try scenario.scenario(seed: seed).reduced(by: without))
        if trace { world.observePackets { print($0.line) } }
        let log = try qlog.map { try LineFile(creating: $0) }
        if let log { world.writeEventLog(log.write) }
        defer { log?.close() }
        do {
            let summary = try world.runToEnd()
            printNow(Report.line(of: summary))
        } catch {
            printNow(Report.failure(error, seed: seed, scenario: scenario, without: without))
            throw ExitCode.failure
        }
    }
}

extension Reduction: ExpressibleByArgument {
    /// The reduction that `argument` describes.
    public init?(argument: String) {
        self.init(argument)
    }
}

/// How outcomes are printed.
enum Report {
    static func line(of summary: Summary) -> String {
        "seed \(summary.seed) \(summary.scenario): ok, \(Int(summary.span.seconds)) s of virtual time, "
            + "\(summary.packetCount) packets (\(summary.droppedCount) dropped), \(summary.byteCount) bytes read, "
            + "\(summary.completeCount) of \(summary.streamCount) streams complete, "
            + "\(summary.datagramCount) datagrams, \(summary.sessionCount) sessions, "
            + "digest \(String(summary.digest, radix: 16))"
    }

    static func failure(
        _ violation: Violation,
        seed: UInt64,
        scenario: ScenarioName,
        without reduction: Reduction = Reduction()
    ) -> String {
        "FAILED \(violation)\n  repeat with: \(reproduction(seed: seed, scenario: scenario, without: reduction))"
    }

    static func reproduction(
        seed: UInt64,
        scenario: ScenarioName,
        without reduction: Reduction = Reduction()
    ) -> String {
        "postern-sim run --seed \(seed) --scenario \(scenario.text)"
            + (reduction.isEmpty ? "" : " --without \(reduction)")
    }
}
