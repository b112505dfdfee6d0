import ArgumentParser
import PosternModel
import SidecarControl
import SidecarCore
import StateStore
import TrustCore

/// `postern trust recover`
struct TrustRecoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Go on with a state directory that is older than its node, or whose trust journal is broken.",
        discussion: """
            Hubs and peers know how far the node had come. While its state is older nobody is trusted. This fetches the
            revocations that the state has missed from our hubs, withdraws its open invitations, and goes on. Blocks,
            names and approvals that it has missed are not known to anybody else.

            Where no sidecar runs it saves what is left of a broken trust journal; start the sidecar then, and recover
            again.
            """
    )

    @Flag(name: .long, help: "Go on also when no hub knows of everything that the state has missed.")
    var confirm = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        do {
            let answer = try await sidecar.ask(RecoverTrust(confirm: confirm ? true : nil))
            output.console.show(answer, text: Self.text)
        } catch let failure as CommandFailure where failure.status == .notRunning {
            guard try repair() else { throw failure }
        }
    }

    private static func text(_ answer: RecoverTrust.Answer) -> String {
        var lines: [String]
        switch answer.state {
        case .current: return "nothing says that this state is older than the node"
        case .recovered: lines = ["this state counts again; \(Shown.list(answer.hubs)) knew of all revocations"]
        case .confirmed: lines = ["this state counts again, as you have confirmed"]
        }
        lines += answer.revoked.map { "the trust with \($0) had ended" }
        lines += answer.withdrawn.map { "the invitation \($0) opens nothing any more" }
        lines.append("what you have blocked, named or approved since has to be done again: `postern trust list`")
        return lines.joined(separator: "\n")
    }

    /// Saves what is left of a broken journal; false: it is whole.
    private func repair() throws -> Bool {
        let state = try sidecar.stateDirectory()
        let (identity, lock) = try state.openAtRest()
        defer { withExtendedLifetime(lock) {} }
        let repaired: JournalFile.Repaired?
        do throws(StateFileError) {
            // A node that has never run has no journal to be broken.
            let isUnused = try JournalFile.isUnused(state.journalPath)
            guard SystemFile.size(of: state.auditPath) != nil || !isUnused else { return false }
            repaired = try JournalFile.repair(
                path: state.journalPath,
                identity: identity,
                isGenuine: { (try? TrustJournal.facts(in: [$0])) != nil },
                adding: { TrustJournal.content([.outdated($0)]) }
            )
        } catch {
            throw CommandFailure(state: Problem(error))
        }
        guard let repaired else { return false }
        let document: JSONValue = [
            "state": "repaired", "found": .string(repaired.fault.description),
            "lines": .integer(Int64(repaired.lineCount)), "kept": .string(repaired.keptAt),
        ]
        output.console.show(document) { _ in
            "\(repaired.lineCount) lines of the trust journal are whole and kept; "
                + "the broken one is \(repaired.keptAt)\n"
                + "start the sidecar, then fetch the revocations that may be missing: `postern trust recover`"
        }
        return true
    }
}
