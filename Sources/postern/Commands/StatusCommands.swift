import ArgumentParser
import PosternModel
import SidecarControl
import SidecarCore

/// `postern status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Identity, hubs, services and pending requests of the running sidecar."
    )

    @Flag(name: .long, help: "Repeat every two seconds until interrupted.")
    var watch = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        while true {
            output.console.show(try await sidecar.ask(ShowStatus()), text: Self.text)
            guard watch else { return }
            try await Task.sleep(for: .seconds(2))
            if !output.json { Console.print("") }
        }
    }

    private static func text(_ status: StatusDocument) -> String {
        var lines = [
            "\(status.name)  \(status.did)", "address \(status.address), version \(status.version)",
        ]
        if let outdated = status.outdated {
            lines.append(
                "THIS STATE DIRECTORY IS OLDER THAN THE NODE: its journal has come to \(outdated.sequence), "
                    + "the node's to \(outdated.known); nobody is trusted until `postern trust recover`"
            )
        }
        if status.unstored > 0 {
            lines.append(
                "NOT STORED: the disk does not take \(status.unstored) decisions; they hold now, and a restart would "
                    + "lose them. It is tried again every second: make room on it"
            )
        }
        lines += configuration(status.configuration)
        lines += status.hubs.map(line)
        if status.hubs.isEmpty { lines.append("no hub is configured") }
        for entry in status.expose {
            lines.append(
                "exposes \(entry.service) (\(entry.kind.rawValue), port \(entry.port.rawValue)) -> \(entry.upstream),"
                    + " allow \(Shown.list(entry.allow)), \(entry.activeStreams) streams"
            )
            if entry.leg == .insecure { lines.append("  NOT ENCRYPTED: it leaves this host without TLS") }
            if let problem = entry.problem { lines.append("  \(problem)") }
        }
        for entry in status.reach {
            let service = entry.service?.description ?? entry.port.map { "port \($0.rawValue)" } ?? "-"
            lines.append("reaches \(service) of \(entry.peer) at \(entry.listen): \(entry.state)")
        }
        lines += status.networks.map(line)
        for key in status.sharedKeys {
            lines.append(
                key == status.did
                    ? "another program uses this node's key, as a copy of its state directory does; stop one of the two"
                    : "two programs use the key \(key), so calls to it fail now and then; one of them has to stop"
            )
        }
        lines += status.contradictions.map {
            "\($0) names another next key than it did first, as a thief of its key would: ask its operator"
        }
        for entry in status.unbound {
            lines.append(
                "nobody has the name \(entry.name), on which these wait: \(entry.uses.joined(separator: ", "))"
                    + "; \(NameHint.binding(entry.name))"
            )
            lines += entry.claimedBy.map { "  \($0) claims to be \(entry.name), which proves nothing" }
        }
        switch status.pending {
        case 0: lines.append("no request waits")
        case 1: lines.append("1 request waits: `postern trust list`")
        case let count: lines.append("\(count) requests wait: `postern trust list`")
        }
        return lines.joined(separator: "\n")
    }
}

extension StatusCommand {
    private static func line(_ hub: StatusDocument.Hub) -> String {
        "hub \(hub.url): "
            + (hub.connected ? "connected, \(Shown.milliseconds(hub.rttMs))" : notConnected(hub))
            + (hub.full ? "; this hub is full: peers do not find us there" : "")
            + (hub.closed ? "; this hub is closed to us: ask its operator" : "")
            + (hub.draining ? "; this hub is draining: it is about to end" : "")
    }

    private static func notConnected(_ hub: StatusDocument.Hub) -> String {
        "not connected" + (hub.problem.map { "; \($0)" } ?? "") + ": see `postern doctor`"
    }

    private static func line(_ network: NetworkSummary) -> String {
        network.offeredBy.map { "\($0) has added us to \(network.name): `postern network join \(network.name)`" }
            ?? "network \(network.name): \(network.members) members, \(network.problem ?? "fresh")"
    }

    /// Which configuration is in use, and why it is not the file as it is now.
    private static func configuration(_ configuration: StatusDocument.Configuration) -> [String] {
        let file = configuration.file.map { "configuration \($0)" } ?? "no configuration file: the defaults hold"
        guard configuration.mistakes.isEmpty else {
            return [
                "\(file) as of \(configuration.since); the file as it is now is not in use, since it has a mistake:"
            ]
                + configuration.mistakes.map { "  \($0)" }
        }
        let waiting = configuration.waiting
        return waiting.isEmpty ? [file] : ["\(file); at the next start: \(waiting.joined(separator: ", "))"]
    }
}

/// `postern peers`
struct PeersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "Trusted peers with address, path and round trip."
    )

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(ListPeers())) { peers in
            var table = TextTable([
                "NAME", "PATH", "ROUND TRIP", "LAST SEEN", "SENT", "RECEIVED", "ADDRESS", "DID",
            ])
            for peer in peers {
                table.add([
                    Shown.peer(peer.name, claims: peer.claims), Shown.path(peer.path), Shown.milliseconds(peer.rttMs),
                    Shown.age(of: peer.lastSeen, at: .now), Shown.bytes(peer.bytesSent),
                    Shown.bytes(peer.bytesReceived), peer.address.description, peer.did.did,
                ])
            }
            return table.hasRows
                ? table.text : "no peer is trusted yet: see `postern invite` and `postern trust request`"
        }
    }
}

/// `postern services`
struct ServicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services",
        abstract: "What a peer offers to us."
    )

    @Argument(help: ArgumentHelp("A did, address, name or agent:// URI.", valueName: "peer"))
    var peer: PeerName

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(ListServices(peer: peer))) { services in
            var table = TextTable(["SERVICE", "PORT", "KIND"])
            for service in services {
                table.add([service.name.description, String(service.port.rawValue), service.kind.rawValue])
            }
            return table.hasRows ? table.text : "\(peer) offers us nothing"
        }
    }
}
