import ArgumentParser
import Foundation
import OverlayCrypto
import PosternConfiguration
import PosternModel
import SidecarCore
import StateStore
import TrustCore

/// `postern config`
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check a configuration, or print its JSON Schema.",
        subcommands: [ConfigCheckCommand.self, ConfigSchemaCommand.self]
    )
}

/// `postern config check`
struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find mistakes in a configuration without starting anything, and names that nobody has."
    )

    @Argument(help: ArgumentHelp("The file. Default: the one that `postern up` would read.", valueName: "file"))
    var file: String?

    @Flag(name: .long, help: "The file is a hub's.")
    var hub = false

    @Option(name: .long, help: ArgumentHelp("The same, as other commands take it.", valueName: "file"))
    var config: String?

    @Option(name: .long, help: ArgumentHelp("The state directory.", valueName: "dir"))
    var state: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard file == nil || config == nil else { throw ValidationError("name the file once: it, or --config") }
    }

    func run() throws {
        let file = file ?? config
        let path: String?
        var settings: SidecarConfiguration?
        var warnings: [String] = []
        if file == nil { try CommandFailure.requireUsable(option: state) }
        do throws(ConfigurationFailure) {
            if hub {
                path = try ConfigurationFile<HubConfiguration>
                    .find(named: file, state: state, surroundings: .process).path
            } else {
                let found = try ConfigurationFile<SidecarConfiguration>
                    .find(named: file, state: state, surroundings: .process)
                path = found.path
                settings = found.settings
                warnings = found.warnings.map(\.line)
            }
        } catch {
            throw CommandFailure(error)
        }
        let unbound = try settings.map { try Self.unboundNames(in: $0) } ?? []
        let document: JSONValue = [
            "file": path.map { .string($0) } ?? .null, "valid": true, "unbound": .texts(unbound),
            "warnings": .texts(warnings),
        ]
        output.console.show(document) { _ in
            let verdict = path.map { "\($0): no mistakes" } ?? "no file: the defaults hold"
            let names = unbound.map { "\nnobody has the name \($0): \(NameHint.binding($0))" }
            return verdict + warnings.map { "\nwarning: \($0)" }.joined() + names.joined()
        }
    }

    /// The names of peers in `settings` that the journal of its state directory binds to nobody.
    private static func unboundNames(in settings: SidecarConfiguration) throws -> [String] {
        var peers = settings.reach.map(\.peer)
        for rule in settings.expose.flatMap(\.allow) {
            if case .peer(let peer) = rule { peers.append(peer) }
        }
        for asker in settings.accept.flatMap(\.from) {
            if case .known(.peer(let peer)) = asker { peers.append(peer) }
        }
        let names = peers.compactMap { peer in
            if case .name(let name) = peer.meaning { name } else { nil }
        }
        guard !names.isEmpty else { return [] }
        let state = StateDirectory(path: settings.state, keyFileMode: settings.sharesKeyWithGroup ? .group : .owner)
        let path = state.journalPath
        guard FileManager.default.fileExists(atPath: path) else { return Set(names).sorted() }
        do {
            if (try? state.owner())?.isProtected == true, PassphraseInput.keyFile == nil { return [] }
            guard let identity = (try? state.identity(PassphraseInput.ofKeyUnasked)) ?? nil else {
                return Set(names).sorted()
            }
            // Whether all of it is there is for `up` to say.
            let journal = try StateFile(reading: path).readAll()
            let lines = JournalReading.salvage(journal, key: ChainKey(of: identity, for: .journal)).contents
            let facts = try TrustJournal.facts(in: lines, areSealed: true)
            return Set(names).subtracting(TrustJournal.boundNames(in: facts)).sorted()
        } catch {
            throw CommandFailure(
                .failed,
                code: "state-unusable",
                message: "\(path): \(error)",
                hint: "see the file's owner and mode"
            )
        }
    }
}

/// `postern config schema`
struct ConfigSchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of a configuration file."
    )

    @Flag(name: .long, help: "The schema of a hub's file.")
    var hub = false

    @OptionGroup var unused: UnusedSidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        Console.print((hub ? ConfigurationSchema.hub : ConfigurationSchema.sidecar).compactText)
    }
}
