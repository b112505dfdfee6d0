import ArgumentParser
import Foundation
import PosternModel
import StateStore

/// Where a command takes a passphrase from: a file, else the person at the terminal. Never an argument, which every
/// user of the host sees in a list of processes.
struct PassphraseInput: PassphraseSource {
    /// The file that holds it, if one was named.
    let file: String?
    /// Whether a person at the terminal may be asked.
    let asks: Bool

    /// Names a file that holds the passphrase of the node's key.
    static let variable = "POSTERN_PASSPHRASE_FILE"

    /// The passphrase of the node's key.
    static var ofKey: PassphraseInput { PassphraseInput(file: keyFile, asks: true) }
    /// The same, without asking anybody.
    static var ofKeyUnasked: PassphraseInput { PassphraseInput(file: keyFile, asks: false) }

    /// The file that the environment names for the passphrase of the node's key.
    static var keyFile: String? { ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 } }

    func passphrase(for path: String) throws(Problem) -> Passphrase {
        if let file { return try Passphrase(file: file) }
        guard asks, Console.isInteractive else { return try NoPassphrase().passphrase(for: path) }
        return try Passphrase(Array(Console.secret("Passphrase of \(path):").utf8))
    }

    /// A new passphrase, which a person types twice.
    func chosen() throws(Problem) -> Passphrase {
        if let file { return try Passphrase(file: file) }
        guard asks, Console.isInteractive else { throw Self.missing }
        let passphrase = Console.secret("New passphrase:")
        guard passphrase == Console.secret("Once more:") else {
            throw Problem(
                code: "passphrase-unusable",
                message: "the two passphrases differ",
                hint: "run the command again"
            )
        }
        return try Passphrase(Array(passphrase.utf8))
    }

    private static let missing = Problem(
        code: "no-passphrase",
        message: "no passphrase was given",
        hint: "name a file that holds it with --passphrase-file, or run the command on a terminal"
    )
}

/// `--passphrase-file`
struct PassphraseOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A file with the passphrase on its one line. Without it a terminal is asked.",
            valueName: "file"
        )
    )
    var passphraseFile: String?

    /// The passphrase of what this command writes or reads.
    var input: PassphraseInput { PassphraseInput(file: passphraseFile, asks: true) }
}
