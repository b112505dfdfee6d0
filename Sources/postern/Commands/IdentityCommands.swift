import ArgumentParser
import OverlayCrypto
import PosternConfiguration
import PosternModel
import StateStore
import TrustCore

/// `postern identity`
struct IdentityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "identity",
        abstract: "The node's key: show it, protect it, change it, take it to another host.",
        discussion: """
            The key is the node: did, address and all trust belong to it. A key under a passphrase is opened at each \
            start: by the file that the variable \(PassphraseInput.variable) names, else by asking at the terminal.
            """,
        subcommands: [
            IdentityShowCommand.self, IdentityPassphraseCommand.self, IdentityExportCommand.self,
            IdentityImportCommand.self, IdentityRotateCommand.self,
        ]
    )
}

/// `postern identity show`
struct IdentityShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Who this node is, where its key lies, and whether the key that comes next is safe.",
        discussion: "The fingerprint is for comparing by voice. No passphrase is asked for."
    )

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let state = try sidecar.keyDirectory()
        let (key, isProtected) = try state.owner()
        let records = try CommandFailure.ofState { () throws(Problem) in try state.records(of: key) }
        // The first key's names stay the node's.
        let first = records?.first ?? key
        let next: JSONValue =
            records.map { records in
                [
                    "hash": .string(Base64URL.encode(records.latest.next.hash)),
                    "file": state.nextKeyBeside.map { .string($0) } ?? .null,
                ]
            } ?? .null
        let document: JSONValue = [
            "did": .string(first.did), "address": .string(first.personalAddress.description),
            "fingerprint": .string(first.fingerprint), "state": .string(state.path),
            "key": ["file": .string(state.identityPath), "passphrase": .bool(isProtected)],
            "current": .string(key.did), "sequence": .integer(records?.latest.sequence ?? 0), "next": next,
        ]
        output.console.show(document, text: text)
    }

    private func text(_ document: JSONValue) -> String {
        let isProtected = document["key"]?["passphrase"]?.bool == true
        var lines = [
            "did          \(Shown.text(document["did"]))",
            "address      \(Shown.text(document["address"]))",
            "fingerprint  \(Shown.text(document["fingerprint"]))",
            "key          \(Shown.text(document["key"]?["file"]))"
                + (isProtected ? ", under a passphrase" : ", without a passphrase"),
        ]
        if let sequence = document["sequence"]?.integer, sequence > 0 {
            lines.append("changed      \(sequence) times; the current key is \(Shown.text(document["current"]))")
        }
        switch (document["next"], document["next"]?["file"]?.string) {
        case (.null?, _), (nil, _):
            lines.append("next key     none is committed to: `postern init` makes one")
        case (_, let file?):
            lines.append("next key     committed to; it still lies in \(file): move it to a place of its own")
        case (_, nil):
            lines.append("next key     committed to; it is not in this directory")
        }
        return lines.joined(separator: "\n")
    }
}

/// `postern identity passphrase`
struct IdentityPassphraseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passphrase",
        abstract: "Put the key under a passphrase, change it, or take it away.",
        discussion: """
            A running sidecar goes on. From the next start on the passphrase is read from the file that the variable \
            \(PassphraseInput.variable) names, or asked for at the terminal. What was on the disk before may still be \
            found on it. There is no way to the key without the passphrase.
            """
    )

    @Flag(name: .long, help: "Take the passphrase away.")
    var remove = false

    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        restrictNewFiles()
        let state = try sidecar.keyDirectory()
        let owner = try state.owner()
        try CommandFailure.ofState { () throws(Problem) in
            let former = FormerPassphrase()
            // A person is asked for the old one before the new one.
            if owner.isProtected { _ = try former.passphrase(for: state.identityPath) }
            let chosen = remove ? nil : try passphrase.input.chosen()
            try state.identityFile.protect(with: chosen, opening: former)
        }
        let document: JSONValue = ["did": .string(try state.name().did), "passphrase": .bool(!remove)]
        output.console.show(document) { _ in
            remove ? "the key is without a passphrase" : "the key is under the passphrase"
        }
    }
}

/// `postern identity export`
struct IdentityExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the key to a file under a passphrase, for a backup or another host.",
        discussion: """
            The file holds the key and its history. The next key, trust and memberships are not in it: a copy of the \
            whole state directory of a stopped sidecar has them too.
            """
    )

    @Argument(help: ArgumentHelp("The file to write; one that is there is not overwritten.", valueName: "file"))
    var file: String

    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        restrictNewFiles()
        let state = try sidecar.keyDirectory()
        let key = try state.name()
        let path = Surroundings.process.absolute(file, from: Surroundings.process.workingDirectory)
        try CommandFailure.ofState { () throws(Problem) in
            let chosen = try passphrase.input.chosen()
            try state.exportIdentity(to: path, under: chosen, opening: PassphraseInput.ofKey)
        }
        let document: JSONValue = ["did": .string(key.did), "file": .string(path)]
        output.console.show(document) { _ in
            """
            the identity is in \(path), under the passphrase: keep the two apart
            \(IdentityImportCommand.warning)
            """
        }
    }
}

/// `postern identity import`
struct IdentityImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Take an exported identity into a state directory that has none.",
        discussion: """
            A key that is there is never overwritten. \(IdentityImportCommand.warning)
            """
    )

    static let warning =
        "Run it in one place only: two running copies of one identity are noticed as duplicates,"
        + " told to all their peers, and cut each other off."

    @Argument(help: ArgumentHelp("What `postern identity export` has written.", valueName: "file"))
    var file: String

    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        restrictNewFiles()
        let state = try sidecar.stateDirectory()
        let path = Surroundings.process.absolute(file, from: Surroundings.process.workingDirectory)
        let key = try CommandFailure.ofState { () throws(Problem) in
            try state.importIdentity(from: path, opening: passphrase.input)
        }
        let document: JSONValue = [
            "did": .string(key.did), "address": .string(key.personalAddress.description), "state": .string(state.path),
        ]
        output.console.show(document) { _ in
            """
            this is now \(key.did)
            \(Self.warning)
            Next: postern init --state '\(state.path)', which keeps the key and makes the configuration, then postern up
                  peers and hubs know more of the node than this directory: `postern trust recover` goes on with that
            """
        }
    }
}

/// The passphrase that a key is under now, asked for once.
private final class FormerPassphrase: PassphraseSource {
    private var told: Passphrase?

    func passphrase(for path: String) throws(Problem) -> Passphrase {
        if let told { return told }
        let passphrase = try PassphraseInput.ofKey.passphrase(for: path)
        told = passphrase
        return passphrase
    }
}

extension NodeKey {
    /// What people compare: the first 128 bits of the node's id, in groups.
    fileprivate var fingerprint: String {
        let digits = Array(Hex.encode(Array(nodeID.bytes.prefix(16))))
        return stride(from: 0, to: digits.count, by: 4).map { String(digits[$0..<$0 + 4]) }.joined(separator: " ")
    }
}
