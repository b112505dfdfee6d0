import ArgumentParser
import PosternModel
import Simulation

/// Runs whole systems of sidecars and hubs, several at a time.
struct SystemCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "system",
        abstract: "Runs sidecars, hubs and their disks under faults, and prints how to repeat what fails.",
        discussion: """
            With --seed, one system, with its log on standard output; otherwise those of --seeds seeds, of which the
            failed ones are told with the last lines of their logs.
            """
    )

    @Option(help: "Run this seed alone, and print what happens.")
    var seed: UInt64?

    @Option(help: "How many seeds.")
    var seeds: UInt64 = 500

    @Option(help: "The first seed.")
    var from: UInt64 = 1

    @Option(help: "How many systems run at a time.")
    var jobs = 2

    @Option(help: "What goes wrong: \(SystemScenario.allCases.map(\.rawValue).joined(separator: ", ")).")
    var scenario = SystemScenario.everything

    func validate() throws {
        guard jobs >= 1 else { throw ValidationError("--jobs is \(jobs); at least 1 is needed.") }
        guard seeds >= 1 else { throw ValidationError("--seeds is 0; at least 1 is needed.") }
        guard !from.addingReportingOverflow(seeds).overflow else {
            throw ValidationError("--from \(from) leaves no room for \(seeds) seeds.")
        }
    }

    func run() async throws {
        if let seed { return try runOne(seed) }
        let start = ContinuousClock.now
        var tally = Tally()
        await withTaskGroup(of: (seed: UInt64, report: SystemReport).self) { group in
            var next = from
            while next < from + seeds, next - from < UInt64(jobs) {
                launch(next, in: &group)
                next += 1
            }
            while let (seed, report) = await group.next() {
                tally.add(report, seed: seed, scenario: scenario)
                guard next < from + seeds else { continue }
                launch(next, in: &group)
                next += 1
            }
        }
        printNow(tally.summary(elapsed: ContinuousClock.now - start))
        if !tally.failures.isEmpty { throw ExitCode.failure }
    }

    private func runOne(_ seed: UInt64) throws {
        let report = SystemWorld.run(SystemPlan(scenario, seed: seed))
        for line in report.log { print(line) }
        guard let violation = report.violation else {
            return printNow(
                "seed \(seed): all held, \(report.commandCount) commands, \(report.streamCount) streams, "
                    + "\(report.answerCount) answers"
            )
        }
        printNow("seed \(seed): FAILED \(violation)")
        throw ExitCode.failure
    }

    private func launch(_ seed: UInt64, in group: inout TaskGroup<(seed: UInt64, report: SystemReport)>) {
        group.addTask { [scenario] in (seed, SystemWorld.run(SystemPlan(scenario, seed: seed))) }
    }
}

extension SystemScenario: ExpressibleByArgument {}

/// What all systems came to.
private struct Tally {
    private(set) var failures: [UInt64] = []
    private var count = 0
    private var eventCount = 0
    private var commandCount = 0
    private var streamCount = 0
    private var answerCount = 0
    private var virtualSeconds = 0.0

    /// Lines of its log that are told of a system that failed.
    private static let logLines = 12

    mutating func add(_ report: SystemReport, seed: UInt64, scenario: SystemScenario) {
        count += 1
        eventCount += report.eventCount
        commandCount += report.commandCount
        streamCount += report.streamCount
        answerCount += report.answerCount
        virtualSeconds += report.span.seconds
        guard let violation = report.violation else { return }
        failures.append(seed)
        printNow("seed \(seed): FAILED \(violation)")
        for line in report.log.suffix(Self.logLines) { printNow("    \(line)") }
        printNow("  repeat with: postern-sim system --seed \(seed) --scenario \(scenario.rawValue)")
    }

    func summary(elapsed: Duration) -> String {
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        let verdict = failures.isEmpty ? "all held" : "\(failures.count) FAILED: seeds \(failures.sorted())"
        return "\(count) systems in \((seconds * 10).rounded() / 10) s: \(verdict); \(Int(virtualSeconds)) s of "
            + "virtual time, \(eventCount) events, \(commandCount) commands, \(streamCount) streams, "
            + "\(answerCount) answers"
    }
}
