import ArgumentParser

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Runs simulated worlds: one by its seed, many, or those that measure.
@main
struct PosternSim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postern-sim",
        abstract: "Runs the cores in simulated worlds and checks what must always hold.",
        discussion: """
            Time is virtual and all random comes from a seed, so a run can be repeated packet for packet.
            The exit code is 0 when every invariant held, 1 when one was violated, 64 for a wrong command line.
            """,
        subcommands: [
            RunCommand.self, SwarmCommand.self, MinimiseCommand.self, ThroughputCommand.self, FairnessCommand.self,
            SystemCommand.self,
            ListCommand.self,
        ]
    )
}

/// Prints the scenarios that have a name.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Prints the names of all scenarios.")

    func run() {
        for name in ScenarioName.allNames { print(name) }
    }
}

/// Prints a line that is seen at once, also through a pipe and also if the run never ends.
func printNow(_ line: String) {
    print(line)
    // All streams: the standard ones are shared mutable state in Swift's eyes.
    fflush(nil)
}
