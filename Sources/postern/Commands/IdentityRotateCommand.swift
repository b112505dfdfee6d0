import ArgumentParser
import OverlayNIO
import PosternConfiguration
import PosternModel
import StateStore
import TrustCore

/// `postern identity rotate`
struct IdentityRotateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Change the key to the one that comes next. Did, address, trust and memberships stay.",
        discussion: """
            The sidecar is stopped for it. The next key is read from recovery.key, which is moved back for that or \
            named with --recovery; afterwards a new recovery.key lies in the state directory: move it away. Hubs tell \
            peers of the change as soon as the sidecar runs again; hubs and peers have to be of this version.
            """
    )

    @Option(name: .long, help: ArgumentHelp("Where the next key lies; default: recovery.key.", valueName: "file"))
    var recovery: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        restrictNewFiles()
        let state = try sidecar.keyDirectory()
        let surroundings = Surroundings.process
        let path = recovery.map { surroundings.absolute($0, from: surroundings.workingDirectory) }
        let former = try state.owner().key
        let chain = try CommandFailure.ofState { () throws(Problem) in
            let lock = try Self.lock(state)
            defer { withExtendedLifetime(lock) {} }
            return try state.rotateKey(
                to: path ?? state.recoveryPath,
                opening: PassphraseInput.ofKey,
                at: Clocks.now().wall
            )
        }
        let document: JSONValue = [
            "did": .string(chain.first.did), "former": .string(former.did), "current": .string(chain.current.did),
            "sequence": .integer(chain.latest.sequence), "recovery": .string(state.recoveryPath),
        ]
        output.console.show(document) { _ in
            """
            the key is now \(chain.current.did); the node stays \(chain.first.did)
            the key after it lies in \(state.recoveryPath): move it to a place of its own\(Self.used(path))
            Next: postern up, which tells hubs and peers
            """
        }
    }

    /// The lock of the directory, which a running sidecar holds.
    private static func lock(_ state: StateDirectory) throws(Problem) -> DirectoryLock {
        do {
            return try state.lock()
        } catch {
            guard error.code == "state-in-use" else { throw error }
            let hint = "stop it (postern down, or its service), change the key, and start it again"
            throw Problem(code: error.code, message: error.message, hint: hint)
        }
    }

    private static func used(_ path: String?) -> String {
        path.map { "\n\($0) holds the key that is in use now: destroy it" } ?? ""
    }
}
