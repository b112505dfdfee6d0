import ArgumentParser
import Foundation
import OverlayCrypto
import OverlayNIO
import PosternModel
import SidecarControl
import StateStore
import TrustCore

/// `postern audit`
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "The audit trail: who was trusted, refused and revoked, when and by whom.",
        subcommands: [AuditListCommand.self, AuditVerifyCommand.self, AuditRestartCommand.self]
    )
}

/// `postern audit list`
struct AuditListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The entries of the audit trail; with --json one object a line, as they are stored."
    )

    @Option(name: .long, help: ArgumentHelp("Only entries from this time on: 2026-01-31T12:00:00Z.", valueName: "time"))
    var since: Timestamp?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let lines = try withTrail(sidecar) { path throws(StateFileError) in
            try AuditFile.lines(path: path, since: since)
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

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let state = try sidecar.stateDirectory()
        let identity = (try? state.identity()) ?? nil
        let verdict = try withTrail(sidecar) { path throws(StateFileError) in
            try AuditVerifier(path: path, owner: identity.map { .node($0) } ?? .anybody).verdict()
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

/// What `body` makes of the audit trail of the sidecar that `options` name.
private func withTrail<Result>(
    _ options: SidecarOptions,
    _ body: (String) throws(StateFileError) -> Result
) throws -> Result {
    let path = try options.stateDirectory().auditPath
    guard [path, path + ".head"].contains(where: FileManager.default.fileExists) else {
        throw CommandFailure(
            .failed,
            code: "no-audit",
            message: "there is no audit trail at \(path)",
            hint: "a sidecar makes it when it runs for the first time; name its state directory with --state"
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
