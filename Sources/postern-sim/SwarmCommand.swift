import ArgumentParser
import PosternModel
import Simulation

/// Runs many worlds, several at a time.
struct SwarmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swarm",
        abstract: "Runs the worlds of many seeds and prints how to repeat those that fail."
    )

    @Option(help: "How many seeds.")
    var seeds: UInt64 = 200

    @Option(help: "The first seed.")
    var from: UInt64 = 1

    @Option(help: "How many worlds run at a time.")
    var jobs = 2

    @Option(help: "The scenario, one of `postern-sim list`.")
    var scenario = ScenarioName.swarm

    func validate() throws {
        guard jobs >= 1 else { throw ValidationError("--jobs is \(jobs); at least 1 is needed.") }
        guard seeds >= 1 else { throw ValidationError("--seeds is 0; at least 1 is needed.") }
        guard !from.addingReportingOverflow(seeds).overflow else {
            throw ValidationError("--from \(from) leaves no room for \(seeds) seeds.")
        }
    }

    func run() async throws {
        let start = ContinuousClock.now
        var tally = Tally()
        await withTaskGroup(of: Outcome.self) { group in
            var next = from
            let end = from + seeds
            while next < end, next - from < UInt64(jobs) {
                launch(next, in: &group)
                next += 1
            }
            var told = start
            while let outcome = await group.next() {
                tally.add(outcome, scenario: scenario)
                // By the clock: whoever stops a run that takes too long finds how far it came.
                if ContinuousClock.now - told >= .seconds(10) {
                    told = .now
                    printNow("\(tally.count) of \(seeds) seeds, \(tally.failures.count) failed")
                }
                if next < end {
                    launch(next, in: &group)
                    next += 1
                }
            }
        }
        let elapsed = ContinuousClock.now - start
        printNow(tally.summary(elapsed: elapsed))
        if !tally.failures.isEmpty { throw ExitCode.failure }
    }

    private func launch(_ seed: UInt64, in group: inout TaskGroup<Outcome>) {
        group.addTask { [scenario] in Outcome(seed: seed, scenario: scenario) }
    }
}

/// What one world of a swarm came to.
private struct Outcome: Sendable {
    let seed: UInt64
    let result: Result<Summary, any Error>

    init(seed: UInt64, scenario: ScenarioName) {
        self.seed = seed
        result = Result { try World(try scenario.scenario(seed: seed)).runToEnd() }
    }
}

/// What all worlds of a swarm came to.
private struct Tally {
    private(set) var count = 0
    private(set) var failures: [UInt64] = []
    private var packetCount = 0
    private var byteCount = 0
    private var virtualSeconds = 0.0

    mutating func add(_ outcome: Outcome, scenario: ScenarioName) {
        count += 1
        switch outcome.result {
        case .success(let summary):
            packetCount += summary.packetCount
            byteCount += summary.byteCount
            virtualSeconds += summary.span.seconds
        case .failure(let error):
            failures.append(outcome.seed)
            printNow("seed \(outcome.seed): FAILED \(error)")
            printNow("  repeat with: \(Report.reproduction(seed: outcome.seed, scenario: scenario))")
            printNow("  reduce with: postern-sim minimise --seed \(outcome.seed) --scenario \(scenario.text)")
        }
    }

    func summary(elapsed: Duration) -> String {
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        let verdict = failures.isEmpty ? "all held" : "\(failures.count) FAILED: seeds \(failures.sorted())"
        return
            "\(count) seeds in \((seconds * 10).rounded() / 10) s: \(verdict); "
            + "\(Int(virtualSeconds)) s of virtual time, \(packetCount) packets, \(byteCount) bytes read"
    }
}
