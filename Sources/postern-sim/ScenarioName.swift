import ArgumentParser
import Simulation

/// The name of a scenario, checked when the command line is read.
struct ScenarioName: ExpressibleByArgument {
    let text: String

    static let swarm = ScenarioName(text: "swarm")
    static var allNames: [String] { Scenario.catalogue.map(\.name) }
    static var allValueStrings: [String] { allNames }

    var defaultValueDescription: String { text }

    init?(argument: String) {
        guard Self.allNames.contains(argument) else { return nil }
        text = argument
    }

    private init(text: String) {
        self.text = text
    }

    /// The scenario of that name with `seed`.
    func scenario(seed: UInt64) throws -> Scenario {
        guard let scenario = Scenario.named(text, seed: seed) else {
            throw ValidationError("There is no scenario '\(text)'. `postern-sim list` prints all names.")
        }
        return scenario
    }
}
