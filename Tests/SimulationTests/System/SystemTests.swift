import Simulation
import Testing

/// Whole systems in virtual time: a few seeds of each scenario, of which `postern-sim system` runs hundreds.
@Suite struct SystemTests {
    @Test(arguments: SystemScenario.allCases, UInt64(1)...4)
    func `every promise holds, whatever goes wrong`(scenario: SystemScenario, seed: UInt64) {
        let report = SystemWorld.run(SystemPlan(scenario, seed: seed))
        #expect(report.violation == nil, "\(report.log.suffix(20).joined(separator: "\n"))")
        #expect(report.commandCount > 0)
    }

    @Test(arguments: UInt64(5)...7)
    func `a seed is the run`(seed: UInt64) {
        let plan = SystemPlan(seed: seed)
        let (first, second) = (SystemWorld.run(plan), SystemWorld.run(plan))
        #expect(first.log == second.log)
        #expect(first.eventCount == second.eventCount)
        #expect(first.span == second.span)
        #expect(first.log != SystemWorld.run(SystemPlan(seed: seed + 100)).log)
    }
}

/// A checker is worth something when it reports a program that is broken on purpose.
@Suite struct SystemCheckerTests {
    @Test(arguments: [
        (SystemFlaw.acknowledgesBeforeSync, SystemScenario.crashes, SystemInvariant.durability),
        (.dropsBehindFailedWrites, .disks, .convergence),
        (.ignoresRevocations, .calm, .convergence),
        (.ignoresGrants, .calm, .access),
        (.keepsSessions, .calm, .cut),
        (.editsAudit, .crashes, .audit),
        (.skipsAudit, .calm, .audit),
        (.answersTwice, .calm, .answers),
        (.watchesWithoutPause, .network, .storms),
        (.ignoresMarks, .copies, .rollback),
        (.mistakesCallers, .calm, .calls),
        (.keepsCalls, .crashes, .calls),
        (.hidesForks, .deceit, .deceit),
    ])
    func `a broken program is reported`(flaw: SystemFlaw, scenario: SystemScenario, invariant: SystemInvariant) {
        let isFound = (UInt64(1)...40).contains { seed in
            SystemWorld.run(SystemPlan(scenario, seed: seed, flaw: flaw)).violation?.invariant == invariant
        }
        #expect(isFound)
    }

    @Test func `every flaw and every invariant has its test`() {
        #expect(SystemFlaw.allCases.count == 13)
        #expect(SystemInvariant.allCases.count == 10)
    }
}
