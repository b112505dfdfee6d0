import ArgumentParser
import Simulation

/// Makes a failing run small.
struct MinimiseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "minimise",
        abstract: "Leaves out of a failing run what it can fail without, and prints what remains.",
        discussion: """
            Hosts, attacks, datagrams, faults, streams, firewalls, translators and links go as long as the same \
            invariant is violated; then the run is shortened. What is left out is printed as --without of \
            `postern-sim run`.
            """
    )

    @Option(help: "The seed of the failing run.")
    var seed: UInt64

    @Option(help: "Its scenario, one of `postern-sim list`.")
    var scenario = ScenarioName.swarm

    @Option(help: "The most runs that are spent.")
    var runs = 400

    func validate() throws {
        guard runs >= 1 else { throw ValidationError("--runs is \(runs); at least 1 is needed.") }
    }

    func run() throws {
        let whole = try scenario.scenario(seed: seed)
        let violation: Violation
        do {
            _ = try World(whole).runToEnd()
            throw ValidationError("Seed \(seed) of '\(scenario.text)' violates nothing: there is nothing to reduce.")
        } catch let found as Violation {
            violation = found
        }
        var minimiser = Minimiser(whole, violation: violation, budget: runs) { reduction in
            printNow("still fails without \(reduction)")
        }
        try minimiser.run()
        printNow("after \(minimiser.runCount) runs:")
        for line in whole.reduced(by: minimiser.reduction).summaryLines { printNow("  " + line) }
        printNow(
            Report.failure(minimiser.violation, seed: seed, scenario: scenario, without: minimiser.reduction)
        )
    }
}
