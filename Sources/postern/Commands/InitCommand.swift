import ArgumentParser
import Foundation
import OverlayCrypto
import OverlayNIO
import PosternConfiguration
import PosternModel
import SidecarControl
import StateStore

/// `postern init`
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a key and a commented configuration file.",
        discussion: """
            A key or configuration that is there already is kept and never overwritten. The key that comes after this \
            one is made now too, in recovery.key: move that file away. On a terminal it asks for what \
            is not given: the name, the hub, and an agent to expose; Enter takes what stands in brackets.
            """
    )

    @OptionGroup var sidecar: SidecarOptions

    @Option(name: .long, help: "How the sidecar introduces itself: a-z, 0-9 and hyphens. Default: the host's name.")
    var name: String?

    @Option(name: .long, help: ArgumentHelp("The hub to use, as `postern hub` prints it.", valueName: "url"))
    var hub: String?

    @OptionGroup var output: OutputOptions

    func run() async throws {
        restrictNewFiles()
        let surroundings = Surroundings.process
        let (directory, file) = try places(surroundings)
        let isNewFile = !FileManager.default.fileExists(atPath: file)
        let asks = isNewFile && !output.json && Console.isInteractive
        let name =
            self.name ?? (asks ? Console.answer("How is this node to be called?", usual: surroundings.nodeName) : nil)
        let hub = try checkedHub(self.hub ?? (asks ? Console.answer("Which hub, as `postern hub` prints it?") : nil))
        let agent = asks ? Console.answer("Which agent to expose, such as: mcp http://127.0.0.1:9000") : nil
        if let name, !HostName.isLowercaseLabel(name) {
            throw CommandFailure(
                .wrongUsage,
                code: "invalid-name",
                message: "\"\(name)\" cannot be a name",
                hint: "use a-z, 0-9 and inner hyphens, at most 63"
            )
        }
        let made: (identity: NodeIdentity, isNew: Bool)
        do throws(Problem) {
            try directory.create()
            made = try directory.identityOrNew(PassphraseInput.ofKey)
            _ = try directory.commitNextKey(of: made.identity, at: Clocks.now().wall)
        } catch {
            throw CommandFailure(state: error)
        }
        if isNewFile {
            let text = ConfigurationTemplate.sidecar(
                name: name ?? surroundings.nodeName,
                state: directory.path,
                hub: hub
            )
            try write(text, to: file)
            // Editors check the file along it; without it they only know less.
            let schema = Data((ConfigurationSchema.sidecar.compactText + "\n").utf8)
            let name = ConfigurationSchema.fileName
            try? schema.write(to: URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(name))
        }
        if let agent { try await expose(agent, in: file) }
        let settings = try SidecarOptions.read(file)
        tell(made, in: directory, settings: settings.settings, file: file, isNewFile: isNewFile)
    }

    /// The state directory and the configuration file that are made, or kept where they are there.
    private func places(_ surroundings: Surroundings) throws -> (StateDirectory, file: String) {
        func absolute(_ path: String) -> String { surroundings.absolute(path, from: surroundings.workingDirectory) }
        let config = sidecar.config.map(absolute)
        // A file that is there may name its state directory.
        if let config, sidecar.state == nil, FileManager.default.fileExists(atPath: config) {
            return (try sidecar.stateDirectory(), config)
        }
        let directory = StateDirectory(path: sidecar.state.map(absolute) ?? surroundings.stateDirectory)
        try CommandFailure.requireHome(directory.path)
        return (directory, config ?? directory.path + "/postern.yaml")
    }

    /// Exposes what was answered to the last question.
    private func expose(_ agent: String, in file: String) async throws {
        let words = agent.split(separator: " ").map(String.init)
        let command = try ExposeCommand.parse(words + ["--config", file])
        try await command.run()
    }

    private func checkedHub(_ hub: String?) throws -> HubURL? {
        guard let hub else { return nil }
        guard let address = try? HubURL(hub) else {
            throw CommandFailure(
                .wrongUsage,
                code: "invalid-hub",
                message: "\"\(hub)\" is not the URL of a hub",
                hint: "copy it as `postern hub` prints it: postern://HOST:PORT/did:key:z…"
            )
        }
        return address
    }

    private func write(_ text: String, to file: String) throws {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .withoutOverwriting)
        } catch {
            throw CommandFailure(
                .failed,
                code: "state-unusable",
                message: "\(file) cannot be written",
                hint: "check the owner and the mode of the directory"
            )
        }
    }

    private func tell(
        _ made: (identity: NodeIdentity, isNew: Bool),
        in directory: StateDirectory,
        settings: SidecarConfiguration,
        file: String,
        isNewFile: Bool
    ) {
        let key = made.identity.key
        let document: JSONValue = [
            "did": .string(key.did), "address": .string(key.personalAddress.description),
            "name": .string(settings.name), "state": .string(settings.state), "config": .string(file),
            "recovery": directory.nextKeyBeside.map { .string($0) } ?? .null,
        ]
        let option =
            sidecar.config.map { _ in " --config '\(file)'" }
            ?? (sidecar.state == nil ? "" : " --state '\(settings.state)'")
        output.console.show(document) { document in
            var lines = [
                made.isNew ? "A new identity was made." : "The identity that is there was kept.",
                "did      \(Shown.text(document["did"]))",
                "address  \(Shown.text(document["address"]))",
                "name     \(Shown.text(document["name"]))",
                "config   \(file)\(isNewFile ? "" : " (kept as it is)")",
            ]
            if let path = document["recovery"]?.string {
                lines.append("next key \(path)")
                lines.append("         Move it to another place, such as a stick in a drawer. It comes after this key;")
                lines.append("         peers are told its hash, so that no thief of this key can name another.")
            }
            lines.append("Next: postern up --detach\(option)")
            lines.append("      then `postern expose` or `reach`, and `postern invite` or `join`, each with --help")
            return lines.joined(separator: "\n")
        }
    }
}

extension SidecarOptions {
    /// The configuration in `file`.
    static func read(_ file: String) throws -> ConfigurationFile<SidecarConfiguration> {
        do throws(ConfigurationFailure) {
            return try ConfigurationFile<SidecarConfiguration>(path: file, surroundings: .process)
        } catch {
            throw CommandFailure(error)
        }
    }
}
