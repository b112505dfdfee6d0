import ArgumentParser
import NIOPosix
import PosternConfiguration
import PosternModel
import SidecarControl
import StateStore

/// `--json`
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON document.")
    var json = false

    var console: Console { Console(isJSON: json) }
}

/// How a command finds its sidecar.
struct SidecarOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String?

    @Option(name: .long, help: ArgumentHelp("The state directory.", valueName: "dir"))
    var state: String?

    /// The configuration that holds.
    func configuration() throws -> ConfigurationFile<SidecarConfiguration> {
        do throws(ConfigurationFailure) {
            return try .find(named: config, state: state, surroundings: .process)
        } catch {
            throw CommandFailure(error)
        }
    }

    /// The state directory of the sidecar that is meant.
    ///
    /// With `--state` the configuration is not even read: a mistake in it keeps nobody from talking to what runs.
    func stateDirectory() throws -> StateDirectory {
        if let state {
            let surroundings = Surroundings.process
            return StateDirectory(path: surroundings.absolute(state, from: surroundings.workingDirectory))
        }
        return StateDirectory(path: try configuration().settings.state)
    }

    /// The running sidecar's answer to `call`.
    func ask(_ call: ControlCall) async throws -> JSONValue {
        let client = ControlClient(
            group: MultiThreadedEventLoopGroup.singleton,
            socketPath: try stateDirectory().socketPath
        )
        do {
            return try await client.answer(to: call)
        } catch let error as Problem {
            throw CommandFailure(error)
        } catch let error as ControlClientError {
            throw CommandFailure(error)
        }
    }
}

/// A comma-separated list of services.
func serviceList(_ text: String?) -> [String] {
    (text ?? "").split(separator: ",").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }.map(String.init)
}
