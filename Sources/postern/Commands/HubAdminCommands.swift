import ArgumentParser
import Foundation
import HubServer
import NIOPosix
import PosternConfiguration
import PosternModel
import SidecarControl
import StateStore

/// `postern hub admin`
struct HubAdminCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin",
        abstract: "What the operator of a hub that runs on this machine can see and do.",
        discussion: """
            The hub is named by --state DIR or --config FILE, as for `postern hub`; --json prints documents. A hub on \
            another machine is named by --at URL: then --state and --config name a sidecar here whose key stands under \
            `admins:` in the hub's file.
            """,
        subcommands: [Status.self, List.self, Quota.self, Ban.self, Unban.self, Drain.self]
    )

    /// `postern hub admin status`
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "How much the hub does, and how it is.")

        @ParentCommand var hub: HubCommand

        func run() async throws {
            hub.output.console.show(try await hub.status()) { status in
                [
                    "hub \(status.url?.description ?? status.did.did)", "state: \(status.state)",
                    "nodes: \(status.online) online, \(status.registeredText) registered",
                    "relayed: \(status.relayed) pairs",
                    "requests: \(status.requests), \(status.refused) of them refused",
                    "store: \(status.storeText)",
                    "other hubs: "
                        + (status.hubs.isEmpty ? "none" : status.hubs.map(\.description).joined(separator: " ")),
                    "changed quotas: " + status.quotasText,
                ].joined(separator: "\n")
            }
        }
    }

    /// `postern hub admin list`
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Registered nodes, those first that have not been here for longest."
        )

        @Option(name: .long, help: "How many at most, up to 10000.")
        var limit = 100

        @ParentCommand var hub: HubCommand

        func run() async throws {
            let parameters: JSONValue = ["limit": .string("\(limit)")]
            let call = ControlCall(path: "hub/nodes", changesState: false, parameters: parameters)
            let document = try await hub.ask(call)
            guard let nodes = try? [HubNode](decoding: document) else {
                throw CommandFailure(ControlClientError.garbled, asking: .hub)
            }
            hub.output.console.show(nodes) { nodes in
                let lines = nodes.map { "\($0.did.did)  last here \($0.seen), since \($0.registered)" }
                return lines.isEmpty ? "no node is registered" : lines.joined(separator: "\n")
            }
        }
    }

    /// `postern hub admin quota`
    struct Quota: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What nodes and networks may take; with a name and a number it is changed, for later starts too.",
            discussion: "`limits:` in hub.yaml has the same names; `default` in place of a number lets it hold again."
        )

        @Argument(help: ArgumentHelp("Which one.", valueName: "name"))
        var name: String?

        @Argument(help: ArgumentHelp("What it is from now on: a number, or `default`.", valueName: "n"))
        var value: String?

        @ParentCommand var hub: HubCommand

        /// In place of a number: what hub.yaml says holds again.
        private static let byFile = "default"

        func validate() throws {
            guard (name == nil) == (value == nil) else { throw ValidationError("give a name and a number, or neither") }
            guard value.map({ $0 == Self.byFile || Int64($0) != nil }) ?? true else {
                throw ValidationError("give a whole number, or `\(Self.byFile)`")
            }
        }

        func run() async throws {
            var call = ControlCall(path: "hub/quota", changesState: false, parameters: [:])
            if let name, let value {
                let number: JSONValue = Int64(value).map { .integer($0) } ?? .null
                let parameters: JSONValue = ["name": .string(name), "value": number]
                call = ControlCall(path: "hub/quota", changesState: true, parameters: parameters)
            }
            hub.output.console.show(try await hub.ask(call)) { quotas in
                (quotas.object?.members ?? []).map { "\($0.key): \(Shown.text($0.value))" }.joined(separator: "\n")
            }
        }
    }

    /// `postern hub admin ban`
    struct Ban: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Serve a node no longer. Its session ends at once; each hub has a list of its own."
        )

        @Argument(help: ArgumentHelp("The node's key.", valueName: "did"))
        var did: String

        @ParentCommand var hub: HubCommand

        func run() async throws {
            hub.output.console.show(try await hub.ban(did, true)) { _ in "\(did) is banned" }
        }
    }

    /// `postern hub admin unban`
    struct Unban: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve a banned node again.")

        @Argument(help: ArgumentHelp("The node's key.", valueName: "did"))
        var did: String

        @ParentCommand var hub: HubCommand

        func run() async throws {
            hub.output.console.show(try await hub.ban(did, false)) { _ in "\(did) is served again" }
        }
    }

    /// `postern hub admin drain`
    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End the hub once its nodes have had time to move to another one, as SIGTERM does."
        )

        @ParentCommand var hub: HubCommand

        func run() async throws {
            let status = try await hub.status()
            let call = ControlCall(path: "hub/drain", changesState: true, parameters: [:])
            hub.output.console.show(try await hub.ask(call)) { _ in
                status.hubs.isEmpty
                    ? "the hub ends; there is no other hub to which its nodes could move"
                    : "the hub ends; its nodes move to \(status.hubs.map(\.description).joined(separator: " "))"
            }
        }
    }
}

/// `postern hub backup`
struct HubBackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the SQLite database of a hub, which may be running, to a new file.",
        discussion: """
            The key is not in it: keep a copy of DIR/identity.key as well. A hub over PostgreSQL is backed up with \
            PostgreSQL's own tools.
            """
    )

    @Argument(help: ArgumentHelp("The new file.", valueName: "file"))
    var copy: String

    @ParentCommand var hub: HubCommand

    func run() throws {
        restrictNewFiles()
        let path = try hub.stateDirectory().path + "/hub.sqlite"
        let surroundings = Surroundings.process
        let target = surroundings.absolute(copy, from: surroundings.workingDirectory)
        guard SystemFile.size(of: path) != nil else {
            let hint = "name the hub's --state"
            throw CommandFailure(.failed, code: "no-database", message: "there is no \(path)", hint: hint)
        }
        guard SystemFile.size(of: target) == nil else {
            let message = "\(target) is there already"
            throw CommandFailure(.failed, code: "exists", message: message, hint: "name a new file")
        }
        do {
            try SQLiteHubStore.backUp(path, to: target)
        } catch {
            throw CommandFailure(
                .failed,
                code: "backup",
                message: "\(path) cannot be copied to \(target): \(error)",
                hint: "see the free space and the owner of both directories"
            )
        }
        hub.output.console.show(["file": .string(target)] as JSONValue) { _ in "copied to \(target)" }
    }
}

// How a command finds its hub: by the options of `postern hub`, which stand anywhere behind it.
extension HubCommand {
    /// The state directory of the hub that is meant.
    func stateDirectory() throws -> StateDirectory {
        guard listen == nil, publicHost == nil, database == nil else {
            throw CommandFailure(
                .wrongUsage,
                code: "option",
                message: "--listen, --public and --database are for a hub that is started",
                hint: "name the running hub by --state or --config"
            )
        }
        return StateDirectory(path: try configuration().settings.state)
    }

    func ask(_ call: ControlCall) async throws -> JSONValue {
        if let at { return try await ask(call, at: at) }
        let client = ControlClient(
            group: MultiThreadedEventLoopGroup.singleton,
            socketPath: try stateDirectory().socketPath
        )
        do {
            return try await client.answer(to: call)
        } catch let error as Problem {
            throw CommandFailure(error)
        } catch let error as ControlClientError {
            throw CommandFailure(error, asking: .hub)
        }
    }

    /// Asks a hub elsewhere, by a sidecar here.
    private func ask(_ call: ControlCall, at hub: String) async throws -> JSONValue {
        var parameters = call.parameters.object ?? JSONObject()
        parameters["hub"] = .string(hub)
        let passed = ControlCall(path: call.path, changesState: call.changesState, parameters: .object(parameters))
        let options = (config.map { ["--config", $0] } ?? []) + (state.map { ["--state", $0] } ?? [])
        let sidecar = try SidecarOptions.parse(options)
        let client = ControlClient(
            group: MultiThreadedEventLoopGroup.singleton,
            socketPath: try sidecar.stateDirectory().socketPath
        )
        do {
            return try await client.answer(to: passed)
        } catch let error as Problem {
            throw CommandFailure(error)
        } catch let error as ControlClientError {
            throw CommandFailure(error)
        }
    }

    func status() async throws -> HubStatus {
        let document = try await ask(ControlCall(path: "hub/status", changesState: false, parameters: [:]))
        guard let status = try? HubStatus(decoding: document) else {
            throw CommandFailure(ControlClientError.garbled, asking: .hub)
        }
        return status
    }

    func ban(_ did: String, _ isBanned: Bool) async throws -> JSONValue {
        let parameters: JSONValue = ["did": .string(did), "banned": .bool(isBanned)]
        return try await ask(ControlCall(path: "hub/ban", changesState: true, parameters: parameters))
    }
}
