import ArgumentParser
import Foundation
import OverlayCrypto
import OverlayNIO
import PosternConfiguration
import PosternModel
import SidecarControl
import SidecarCore
import StateStore
import TrustCore

/// `postern audit`
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "The audit trail: who was trusted, refused and revoked, when and by whom.",
        subcommands: [
            AuditListCommand.self, AuditVerifyCommand.self, AuditExportCommand.self, AuditRestartCommand.self,
        ]
    )
}

/// `postern audit list`
struct AuditListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The entries of the audit trail; with --json one object a line, as they are stored."
    )

    @Option(name: .long, help: ArgumentHelp("Only entries from this time on: 2026-01-31T12:00:00Z.", valueName: "time"))
    var since: Timestamp?

    @Option(
        name: .long,
        help: ArgumentHelp("Only entries about this network: its name, or its id.", valueName: "network")
    )
    var network: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let filter = AuditFilter(network: try await networkID())
        let lines = try sidecar.withTrail { path throws(StateFileError) in
            try AuditFile.lines(path: path, since: since).filter(filter.shows)
        }
        if output.json {
            for line in lines { Console.print(line) }
            return
        }
        var table = TextTable(["TIME", "ACTION", "CHANGE", "SUBJECT", "ACTOR"])
        for entry in lines.compactMap({ try? JSONValue(parsing: $0) }) {
            table.add([
                Shown.text(entry["time"]), Shown.text(entry["action"]), Self.change(entry["old"], entry["new"]),
                Shown.text(entry["subject"]), Shown.text(entry["actor"]),
            ])
        }
        Console.print(table.hasRows ? table.text : "no entries")
    }
}

extension AuditListCommand {
    /// The id of the network that is meant, by which the entries name it: the running sidecar knows names.
    private func networkID() async throws -> String? {
        guard let network else { return nil }
        let isID = network.utf8.count == 64 && network.allSatisfy { $0.isASCII && $0.isHexDigit }
        if isID { return network.lowercased() }
        let known = try await sidecar.ask(ListNetworks())
        if let named = known.first(where: { $0.name == network }) { return named.id.description }
        throw CommandFailure(
            .failed,
            code: "unknown-network",
            message: "no network is called \"\(network)\" here",
            hint: "see `postern network list`; one that was left is meant by its id"
        )
    }

    /// The old value and the new one, as `tools → planner`.
    static func change(_ old: JSONValue?, _ new: JSONValue?) -> String {
        func text(_ value: JSONValue?) -> String {
            guard let members = value?.object?.members, !members.isEmpty else { return Shown.text(value) }
            if members.count == 1, let only = members.first { return Shown.text(only.value) }
            return members.map { "\($0.key) \(Shown.text($0.value))" }.joined(separator: " ")
        }
        let (former, latter) = (text(old), text(new))
        return former == "-" ? latter : "\(former) → \(latter)"
    }
}

/// `postern audit verify`
struct AuditVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that no entry was changed, removed or added; exit 1 and the line if one was."
    )

    @Option(
        name: .long,
        help: ArgumentHelp("A copy of `postern audit export` instead, with FILE.head beside it.", valueName: "file")
    )
    var file: String?

    @Option(name: .long, help: ArgumentHelp("The node that has to have signed the copy.", valueName: "did"))
    var by: NodeKey?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (file == nil) == (by == nil) else { throw ValidationError("--file and --by belong together") }
    }

    func run() throws {
        let verdict: AuditVerdict
        if let file, let by {
            let surroundings = Surroundings.process
            let path = surroundings.absolute(file, from: surroundings.workingDirectory)
            verdict = try readTrail(at: path, hint: "name a file that `postern audit export` has made") {
                path throws(StateFileError) in
                try AuditVerifier(path: path, owner: .key(by)).verdict()
            }
        } else {
            let state = try sidecar.stateDirectory()
            // A passphrase is no reason to check only the chain, and not who has written it.
            let isProtected = (try? state.owner())?.isProtected ?? false
            let identity = isProtected ? try state.opened() : (try? state.identity()) ?? nil
            verdict = try sidecar.withTrail { path throws(StateFileError) in
                try AuditVerifier(path: path, owner: identity.map { .node($0) } ?? .anybody).verdict()
            }
        }
        switch verdict {
        case .intact(let head, let unvouchedCount):
            let document: JSONValue = [
                "intact": true, "entries": .integer(head.sequence), "unvouched": .integer(Int64(unvouchedCount)),
            ]
            output.console.show(document) {
                let doubt = "; nothing vouches for the last \(Shown.text($0["unvouched"])) of them"
                return "the audit trail is intact: \(Shown.text($0["entries"])) entries"
                    + (unvouchedCount > 0 ? doubt : "")
            }
        case .broken(let fault, let part):
            throw CommandFailure(
                .failed,
                code: "audit-broken",
                message: "the audit trail is broken: \(fault)" + (part.map { ", in \($0)" } ?? ""),
                hint: "compare it with a copy; `postern audit restart` records what was found and begins a new one"
            )
        }
    }
}

/// `postern audit restart`
struct AuditRestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Begin a new audit trail in the place of a broken one.",
        discussion: """
            The first entry of the new one says what was found. The files of the broken one are kept in a directory
            beside it. The sidecar or hub must not run; it starts with a broken trail only after this.
            """
    )

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let state = try sidecar.stateDirectory()
        let (identity, lock) = try state.openAtRest()
        defer { withExtendedLifetime(lock) {} }
        let restarted: AuditFile.Restarted?
        do throws(StateFileError) {
            restarted = try AuditFile.restart(path: state.auditPath, identity: identity, at: Clocks.now().wall)
        } catch {
            throw CommandFailure(state: Problem(error))
        }
        guard let restarted else {
            throw CommandFailure(
                .failed,
                code: "audit-intact",
                message: "the audit trail is intact: nothing was changed",
                hint: "`postern audit list` shows it"
            )
        }
        let document: JSONValue = [
            "found": .string(restarted.found), "kept": restarted.keptAt.map { .string($0) } ?? .null,
            "sequence": .integer(restarted.sequence),
        ]
        output.console.show(document) { _ in
            let kept = restarted.keptAt.map { "what was there is in \($0)" } ?? "nothing was there"
            return "a new audit trail begins with entry \(restarted.sequence), which records: \(restarted.found); "
                + kept
        }
    }
}

extension SidecarOptions {
    /// What `body` makes of the audit trail of the sidecar that is meant.
    func withTrail<Result>(_ body: (String) throws(StateFileError) -> Result) throws -> Result {
        let hint = "a sidecar makes it when it runs for the first time; name its state directory with --state"
        return try readTrail(at: try stateDirectory().auditPath, hint: hint, body)
    }
}

/// What `body` makes of the audit trail at `path`; `hint` is for where there is none.
private func readTrail<Result>(
    at path: String,
    hint: String,
    _ body: (String) throws(StateFileError) -> Result
) throws -> Result {
    guard [path, path + ".head"].contains(where: FileManager.default.fileExists) else {
        throw CommandFailure(
            .failed,
            code: "no-audit",
            message: "there is no audit trail at \(path)",
            hint: hint
        )
    }
    do throws(StateFileError) {
        return try body(path)
    } catch {
        throw CommandFailure(
            .failed,
            code: "state-unusable",
            message: error.description,
            hint: "see the file's owner and mode"
        )
    }
}
