import ArgumentParser
import Foundation
import OverlayCrypto
import PosternModel
import SidecarControl
import StateStore
import TrustCore

/// `postern audit`
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "The audit trail: who was trusted, refused and revoked, when and by whom.",
        subcommands: [AuditListCommand.self, AuditVerifyCommand.self]
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
        var table = TextTable(["TIME", "ACTION", "SUBJECT", "ACTOR"])
        for entry in lines.compactMap({ try? JSONValue(parsing: $0) }) {
            table.add([
                Shown.text(entry["time"]), Shown.text(entry["action"]), Shown.text(entry["subject"]),
                Shown.text(entry["actor"]),
            ])
        }
        Console.print(table.hasRows ? table.text : "no entries")
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
        let owner = try? state.identity()?.key
        let verdict = try withTrail(sidecar) { path throws(StateFileError) in
            try AuditFile.verify(path: path, owner: owner)
        }
        switch verdict {
        case .intact(let head):
            let document: JSONValue = ["intact": true, "entries": .integer(Int64(clamping: head.sequence))]
            output.console.show(document) { "the audit trail is intact: \(Shown.text($0["entries"])) entries" }
        case .broken(let fault, let part):
            throw CommandFailure(
                .failed,
                code: "audit-broken",
                message: "the audit trail is broken at \(fault)" + (part.map { ", in \($0)" } ?? ""),
                hint: "compare it with a copy; somebody changed the file or its head"
            )
        }
    }
}

/// What `body` makes of the audit trail of the sidecar that `options` name.
private func withTrail<Result>(
    _ options: SidecarOptions,
    _ body: (String) throws(StateFileError) -> Result
) throws -> Result {
    let path = try options.stateDirectory().auditPath
    guard FileManager.default.fileExists(atPath: path) else {
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
