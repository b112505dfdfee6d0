import ArgumentParser
import NIOPosix
import PosternConfiguration
package import PosternModel
import SidecarControl
package import SidecarCore
import StateStore
import TrustCore

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
        if config == nil { try CommandFailure.requireUsable(option: state) }
        let found: ConfigurationFile<SidecarConfiguration>
        do throws(ConfigurationFailure) {
            found = try .find(named: config, state: state, surroundings: .process)
        } catch {
            throw CommandFailure(error)
        }
        try CommandFailure.requireUsable(found.settings.state)
        return found
    }

    /// The state directory of the sidecar that is meant.
    ///
    /// Of the configuration only its `state:` is read: a mistake in it keeps nobody from talking to what runs.
    func stateDirectory() throws -> StateDirectory {
        let surroundings = Surroundings.process
        if let state {
            try CommandFailure.requireUsable(option: state)
            return StateDirectory(path: surroundings.absolute(state, from: surroundings.workingDirectory))
        }
        let path: String
        do throws(ConfigurationFailure) {
            path = try ConfigurationFile<SidecarConfiguration>
                .stateDirectory(named: config, surroundings: surroundings)
        } catch {
            throw CommandFailure(error)
        }
        try CommandFailure.requireUsable(path)
        return StateDirectory(path: path)
    }

    /// The same for commands that read the key: a group may read it where the configuration says so.
    func keyDirectory() throws -> StateDirectory {
        let state = try stateDirectory()
        guard let settings = try? configuration().settings, settings.sharesKeyWithGroup, settings.state == state.path
        else { return state }
        return StateDirectory(path: state.path, keyFileMode: .group)
    }

    /// The running sidecar's answer to `operation`.
    func ask<Asked: Operation>(_ operation: Asked) async throws -> Asked.Answer {
        try await withClient { try await $0.answer(to: operation) }
    }

    /// The same; nil when no sidecar runs.
    func askIfRunning<Asked: Operation>(_ operation: Asked) async throws -> Asked.Answer? {
        do {
            return try await ask(operation)
        } catch let failure as CommandFailure where failure.status == .notRunning {
            return nil
        }
    }

    /// What `body` makes of the running sidecar.
    func withClient<Result: Sendable>(_ body: (ControlClient) async throws -> Result) async throws -> Result {
        let client = ControlClient(
            group: MultiThreadedEventLoopGroup.singleton,
            socketPath: try stateDirectory().socketPath
        )
        do {
            return try await body(client)
        } catch let error as Problem {
            throw CommandFailure(error)
        } catch let error as ControlClientError {
            throw CommandFailure(error)
        }
    }
}

/// `--config` and `--state` of a command that needs no sidecar: whoever adds them to every command may do so here too.
struct UnusedSidecarOptions: ParsableArguments {
    @Option(name: .long, help: .hidden)
    var config: String?

    @Option(name: .long, help: .hidden)
    var state: String?
}

/// A comma-separated list of services, as `--for` takes it; `all` and `none` are words of their own.
struct ServiceList: ExpressibleByArgument {
    let services: ServiceSet

    init?(argument: String) {
        switch argument {
        case "none":
            services = .names([])
            return
        case "all":
            services = .all
            return
        case _: break
        }
        let names = argument.split(separator: ",").map { String($0.drop { $0 == " " }) }.filter { !$0.isEmpty }
        guard let services = ServiceSet(list: names) else { return nil }
        self.services = services
    }
}

// The nouns of the command line are parsed where they are typed.

extension PeerName: ExpressibleByArgument {
    /// What the argument names; nil when it names nothing.
    package init?(argument: String) { self.init(argument) }
}

extension TrustAddressee: ExpressibleByArgument {
    /// What the argument names; nil when it names nothing.
    package init?(argument: String) {
        guard let addressee = try? TrustAddressee(text: argument) else { return nil }
        self = addressee
    }
}

extension Timestamp: ExpressibleByArgument {
    /// What the argument names; nil when it names nothing.
    package init?(argument: String) { self.init(argument) }
}

extension NodeKey: ExpressibleByArgument {
    /// The key whose did the argument is; nil when it is none.
    package init?(argument: String) { self.init(did: argument) }
}
