import ArgumentParser
import NIOCore
import PosternConfiguration
import PosternModel
import SidecarControl
import SidecarCore

/// `postern reach`
struct ReachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reach",
        abstract: "Offer a peer's service at a local port: adds it to the configuration, in effect at once.",
        discussion: """
            For example:
              postern reach research:tools
              postern reach research:tools --listen 127.0.0.1:7701

            The port listens from then on; until trust and path are there it answers 503 with the reason. The file \
            keeps its comments and order. Without a running sidecar `postern up` will do it.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Whose service: PEER:SERVICE, SERVICE being a name or a virtual port.",
            valueName: "peer:service"
        )
    )
    var target: RemoteService

    @Option(
        name: .long,
        help: ArgumentHelp("The local address, or its port. Default: a free one.", valueName: "host:port")
    )
    var listen: String?

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    /// What `reach --json` prints.
    struct Document: Codable {
        let peer: PeerName
        let service: ServiceTarget
        let listen: HostPort
        let config: String
        /// Whether a running sidecar has taken it up.
        let running: Bool
        /// As `status` shows it; nil without a running sidecar.
        let state: String?
        /// What to do where nobody has the peer's name; nil: somebody has it, or no sidecar runs.
        let hint: String?
    }

    func run() async throws {
        let (place, effect) = try await ConfigurationEditor(sidecar: sidecar).edit { draft in
            try add(to: &draft)
        }
        let isRunning = effect.isRunning && effect.warning == nil
        let status = isRunning ? try await sidecar.ask(ShowStatus()) : nil
        let state = status?.reach.first { $0.listen == place }?.state
        let document = Document(
            peer: target.peer,
            service: target.service,
            listen: place,
            config: effect.file,
            running: isRunning,
            state: state,
            hint: status?.unbound.contains { "\($0.name)" == "\(target.peer)" } == true ? await nameHint() : nil
        )
        guard !output.json else { return output.console.show(document) { _ in "" } }
        let kind = isRunning ? await offeredKind() : nil
        output.console.show(document) { document in
            let state = document.state.map { " (\($0))" } ?? ""
            return """
                \(place) leads to \(document.service) of \(document.peer)\(state)
                \(effect.words)
                \(ClientWords(target: target, listen: place).lines(for: kind).joined(separator: "\n"))
                """ + (document.hint.map { "\n\($0)" } ?? "")
        }
    }

    /// What to do where nobody is called what was typed: the two halves may have changed places.
    private func nameHint() async -> String {
        let peers = (try? await sidecar.ask(ListPeers())) ?? []
        if let service = target.service.name, peers.contains(where: { $0.name == "\(service)" }) {
            return "nobody is called \(target.peer) here, but a peer is called \(service): "
                + "did you mean `postern reach \(service):\(target.peer)`? Then take this one back: "
                + "postern unreach \(target.peer):\(target.service)"
        }
        let near = Suggestion.nearest(to: "\(target.peer)", among: peers.compactMap(\.name))
        return "nobody is called \(target.peer) here: " + (near.map { "did you mean \($0)? " } ?? "")
            + NameHint.binding("\(target.peer)")
    }

    /// What the peer says the service is; nil when it does not say so at once.
    private func offeredKind() async -> ServiceKind? {
        let services = try? await sidecar.withClient {
            try await $0.answer(to: ListServices(peer: target.peer), within: .seconds(2))
        }
        return services?.first(where: target.service.matches)?.kind
    }

    private func add(to draft: inout ConfigurationDraft) throws -> HostPort {
        let former = draft.settings.reach.first { $0.peer == target.peer && $0.target == target.service }
        let wanted = listen.map { UInt16($0) == nil ? $0 : "127.0.0.1:\($0)" }
        if let former, let place = former.listen {
            guard wanted.map({ $0 == place.description }) ?? true else {
                throw Problem.alreadyReached(target, at: place)
            }
            return place
        }
        if former != nil { throw Problem.alreadyReached(target, at: nil) }
        var entry = ListEntry()
        entry.set("peer", target.peer.description)
        switch target.service {
        case .name(let name): entry.set("service", name.description)
        case .port(let port): entry.set("port", Int(port.rawValue))
        }
        entry.set("listen", try wanted ?? freePlace(besides: draft.settings).description)
        try draft.reach(entry)
        guard let place = draft.settings.reach.last?.listen else { preconditionFailure("it was added with one") }
        return place
    }

    /// A free local port, the same again for the same service.
    private func freePlace(besides settings: SidecarConfiguration) throws -> HostPort {
        let taken = Set(settings.reach.compactMap(\.listen?.port) + settings.expose.compactMap(\.upstream?.place.port))
        let places = ReachPorts.followers(of: "\(target.peer) \(target.service)")
        guard let port = places.first(where: { !taken.contains($0) && LocalListener.isFree(.loopback($0)) }) else {
            throw Problem(
                code: "no-local-port",
                message: "none of the ports tried is free",
                hint: "choose one with --listen 127.0.0.1:PORT"
            )
        }
        return .loopback(port)
    }
}

/// `postern unreach`
struct UnreachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unreach",
        abstract: "Close the local port of a peer's service: takes it out of the configuration, in effect at once."
    )

    @Argument(help: ArgumentHelp("PEER:SERVICE, or the local address.", valueName: "peer:service"))
    var target: String

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    /// What `unreach --json` prints.
    struct Document: Codable {
        let peer: PeerName
        let service: ServiceTarget
        let listen: HostPort?
        let config: String
        /// Whether a running sidecar has taken it up.
        let running: Bool
    }

    func run() async throws {
        let (entry, effect) = try await ConfigurationEditor(sidecar: sidecar).edit { draft in
            let entries = draft.settings.reach
            guard let position = entries.firstIndex(where: isMeant) else {
                throw Problem.notReached(target, entries.map { "\($0.peer):\($0.target.text)" })
            }
            try draft.unreach(position)
            return entries[position]
        }
        let document = Document(
            peer: entry.peer,
            service: entry.target,
            listen: entry.listen,
            config: effect.file,
            running: effect.isRunning && effect.warning == nil
        )
        output.console.show(document) {
            "\($0.service) of \($0.peer) has no local port any more\n\(effect.words)"
        }
    }

    private func isMeant(_ entry: ReachConfiguration) -> Bool {
        if let listen = entry.listen, target == listen.description || target == String(listen.port) { return true }
        guard let service = RemoteService(argument: target) else { return false }
        return service.peer == entry.peer && service.service == entry.target
    }
}

extension ServiceTarget {
    /// As it stands behind the colon of PEER:SERVICE.
    var text: String {
        switch self {
        case .name(let name): name.description
        case .port(let port): String(port.rawValue)
        }
    }
}

extension Problem {
    fileprivate static func alreadyReached(_ target: RemoteService, at place: HostPort?) -> Problem {
        let words = place.map { "at \($0)" } ?? "at a port that `postern status` shows"
        return Problem(
            code: "already-reached",
            message: "\(target.service) of \(target.peer) is reached already, \(words)",
            hint: "take it out first: postern unreach \(target.peer):\(target.service.text)"
        )
    }

    fileprivate static func notReached(_ target: String, _ entries: [String]) -> Problem {
        let near = Suggestion.nearest(to: target, among: entries)
        let all = entries.isEmpty ? "nothing is reached" : "reached: \(entries.joined(separator: ", "))"
        return Problem(
            code: "not-reached",
            message: "\(PlainText.clean(target, limit: 200)) is not reached",
            hint: near.map { "did you mean \($0)?" } ?? all
        )
    }
}
