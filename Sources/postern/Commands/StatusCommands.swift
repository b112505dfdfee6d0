import ArgumentParser
import PosternModel
import SidecarControl

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
            output.console.show(try await sidecar.ask(.status), text: Self.text)
            guard watch else { return }
            try await Task.sleep(for: .seconds(2))
            if !output.json { Console.print("") }
        }
    }

    private static func text(_ status: JSONValue) -> String {
        var lines = [
            "\(Shown.text(status["name"]))  \(Shown.text(status["did"]))",
            "address \(Shown.text(status["address"])), version \(Shown.text(status["version"]))",
        ]
        for hub in status["hubs"]?.array ?? [] {
            let state =
                hub["connected"]?.bool == true ? "connected, \(Shown.milliseconds(hub["rttMs"]))" : "not connected"
            lines.append("hub \(Shown.text(hub["url"])): \(state)")
        }
        if status["hubs"]?.array?.isEmpty != false { lines.append("no hub is configured") }
        for entry in status["expose"]?.array ?? [] {
            let service = "\(Shown.text(entry["service"])) (\(Shown.text(entry["kind"]))"
            lines.append(
                "exposes \(service), port \(Shown.text(entry["port"]))) -> \(Shown.text(entry["upstream"])),"
                    + " allow \(Shown.text(entry["allow"])),"
                    + " \(Shown.text(entry["activeStreams"])) streams"
            )
        }
        for entry in status["reach"]?.array ?? [] {
            let service = entry["service"]?.string ?? "port \(Shown.text(entry["port"]))"
            lines.append(
                "reaches \(service) of \(Shown.text(entry["peer"])) at \(Shown.text(entry["listen"])):"
                    + " \(Shown.text(entry["state"]))"
            )
        }
        let pending = status["pending"]?.integer ?? 0
        lines.append(pending == 0 ? "no request waits" : "\(pending) requests wait: `postern trust list`")
        return lines.joined(separator: "\n")
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
        output.console.show(try await sidecar.ask(.peers)) { peers in
            var table = TextTable(["NAME", "PATH", "ROUND TRIP", "SENT", "RECEIVED", "ADDRESS", "DID"])
            for peer in peers.array ?? [] {
                table.add([
                    Shown.text(peer["name"]), Shown.path(peer["path"]), Shown.milliseconds(peer["rttMs"]),
                    Shown.text(peer["bytesSent"]), Shown.text(peer["bytesReceived"]), Shown.text(peer["address"]),
                    Shown.text(peer["did"]),
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
    var peer: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.console.show(try await sidecar.ask(.services(peer: peer))) { services in
            var table = TextTable(["SERVICE", "PORT", "KIND"])
            for service in services.array ?? [] {
                table.add([Shown.text(service["service"]), Shown.text(service["port"]), Shown.text(service["kind"])])
            }
            return table.hasRows ? table.text : "\(peer) offers us nothing"
        }
    }
}

/// `postern ping`
struct PingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Round trips through the overlay, and the path they took."
    )

    @Argument(help: ArgumentHelp("A did, address, name or agent:// URI.", valueName: "peer"))
    var peer: String

    @Option(name: .customShort("c"), help: ArgumentHelp("How many round trips, 1 to 100.", valueName: "n"))
    var count = 4

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...100).contains(count) else { throw ValidationError("-c takes a number from 1 to 100") }
    }

    func run() async throws {
        let answer = try await sidecar.ask(.ping(peer: peer, count: count))
        output.console.show(answer) { answer in
            let times = answer["rttMs"]
            return """
                \(peer): \(Shown.text(answer["received"])) of \(Shown.text(answer["sent"])) came back, \
                path \(Shown.path(answer["path"]))
                round trip min \(Shown.milliseconds(times?["min"])), median \(Shown.milliseconds(times?["median"])), \
                max \(Shown.milliseconds(times?["max"]))
                """
        }
        if answer["received"]?.integer == 0 { throw ExitCode(1) }
    }
}
