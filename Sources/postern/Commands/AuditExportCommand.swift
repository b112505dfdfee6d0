import ArgumentParser
import PosternConfiguration
import PosternModel
import StateStore
import TrustCore

/// `postern audit export`
struct AuditExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Copy the whole audit trail to a new file, and its signed head to FILE.head.",
        discussion: """
            Whoever gets both can check them with `postern audit verify --file FILE --by DID`, DID being this node's. \
            The sidecar may run meanwhile.
            """
    )

    @Argument(help: ArgumentHelp("The new file.", valueName: "file"))
    var file: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        restrictNewFiles()
        let surroundings = Surroundings.process
        let target = surroundings.absolute(file, from: surroundings.workingDirectory)
        let count = try sidecar.withTrail { path throws(StateFileError) in
            try AuditFile.export(path: path, to: target)
        }
        guard let count else {
            let message = "\(target) or \(target).head is there already"
            throw CommandFailure(.failed, code: "exists", message: message, hint: "name a new file")
        }
        let document: JSONValue = [
            "file": .string(target), "head": .string(target + ".head"), "entries": .integer(Int64(count)),
        ]
        output.console.show(document) { _ in "\(count) entries are in \(target), their signed head is \(target).head" }
    }
}

/// Which entries of the audit trail `postern audit list` shows.
struct AuditFilter {
    /// The id of the network that they are about; nil: whatever they are about.
    let network: String?

    func shows(_ line: String) -> Bool {
        guard let network else { return true }
        return (try? JSONValue(parsing: line))?["network"]?.string == network
    }
}
