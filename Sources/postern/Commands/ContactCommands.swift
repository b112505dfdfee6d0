import ArgumentParser
import PosternModel
import SidecarControl
import SidecarCore
import TrustCore

/// `postern contact`
struct ContactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contact",
        abstract: "Make a contact card: a link that lets strangers ask for trust.",
        discussion: """
            It gives no trust, only room in the mailbox and the right to ask with `postern trust request LINK`, so it \
            may stand on a web page. `postern contact revoke ID` ends it.
            """,
        subcommands: [ContactCreateCommand.self, ContactListCommand.self, ContactRevokeCommand.self],
        defaultSubcommand: ContactCreateCommand.self
    )
}

/// `postern contact create`, and without a word more
struct ContactCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a contact card; what `postern contact` does by itself."
    )

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        // The link alone goes to standard output, so that `postern trust request $(postern contact)` is right.
        output.console.show(try await sidecar.ask(CreateContact())) { $0.contact.text }
        guard !output.json else { return }
        Console.complain("whoever has it may ask: postern trust request LINK")
    }
}

/// `postern contact list`
struct ContactListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "The contact cards of this sidecar.")

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(ListContacts())) { cards in
            var table = TextTable(["ID", "SINCE", "CONTACT"])
            for card in cards { table.add([card.id.description, card.since.description, card.contact.text]) }
            return table.hasRows ? table.text : "no contact card was made"
        }
    }
}

/// `postern contact revoke`
struct ContactRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take a contact card back: it lets nobody ask any more."
    )

    @Argument(help: ArgumentHelp("The card, as `postern contact list` shows it.", valueName: "id"))
    var id: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(RevokeContact(id: id))) {
            "the contact card \($0.id) lets nobody ask any more"
        }
    }
}
