import Foundation
import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternConfiguration
import PosternModel
import SidecarCore

/// The hubs of the configuration, and the way to them.
enum HubFindings {
    /// How far clocks may be apart: a tenth of an hour spoils no grant and shows that something is wrong.
    private static let clockTolerance: Int64 = 60_000

    static func all(of settings: SidecarConfiguration, running: StatusDocument?) async -> [Finding] {
        guard !settings.hubs.isEmpty else {
            return [
                .note(
                    "hub",
                    "none is configured",
                    why: "peers are found by the addresses in invitations only, and nobody can ask for trust",
                    hint: "add the line that `postern hub` prints to `hubs:`"
                )
            ]
        }
        var findings: [Finding] = []
        for hub in settings.hubs {
            if let known = running?.hubs.first(where: { $0.url == hub }), known.connected {
                findings += connected(known)
            } else {
                findings.append(await probed(hub, settings.underlay))
            }
        }
        return findings
    }

    /// What the running sidecar says of a hub to which it is connected.
    static func connected(_ hub: StatusDocument.Hub) -> [Finding] {
        var findings = [answering(hub.url, over: hub.transport, hub.rttMs)]
        if hub.full {
            findings.append(
                .broken(
                    "hub",
                    "\(hub.url) has no room for this node",
                    why: "peers do not find it there",
                    hint: "ask who runs the hub to raise limits.nodes, or use another hub"
                )
            )
        }
        if let offset = hub.clockMs, abs(offset) > clockTolerance {
            findings.append(
                .broken(
                    "clock",
                    "this host's is \(abs(offset) / 1_000) s \(offset > 0 ? "behind" : "ahead of") the hub's",
                    why: "requests and invitations are taken for too old or too new",
                    hint: "set it on the host where it is wrong, with `timedatectl set-ntp true`"
                )
            )
        }
        return findings
    }

    /// A hub that is reached, but not over UDP, is a nuisance to tell.
    static func answering(_ hub: HubURL, over transport: Transport, _ milliseconds: Double?) -> Finding {
        let words = "\(hub) answers over \(transport), round trip \(Shown.milliseconds(milliseconds))"
        switch transport {
        case .udp: return .ok("hub", words)
        case .websocket:
            return .warning(
                "hub",
                words + ", and not over UDP",
                why: "everything is relayed through it over TCP, which is slower than a direct path",
                hint: "let UDP out to \(hub.place) here, and in there; it is used as soon as it passes"
            )
        }
    }

    /// Asks the hub itself, under a key that is thrown away: over UDP, and where that is silent over WebSocket.
    private static func probed(_ hub: HubURL, _ underlay: UnderlayConfiguration) async -> Finding {
        let addresses = Sockets.addresses(of: hub.place.host)
        guard !addresses.isEmpty else {
            return .broken(
                "hub",
                "\(hub.place.host) cannot be resolved",
                why: "peers that are not at a known address are met at the hub",
                hint: "check the name in `hubs:`, and DNS with `getent hosts \(hub.place.host)`"
            )
        }
        if let milliseconds = await HubProbe(hub: hub).roundTrip(at: addresses) {
            return answering(hub, over: .udp, milliseconds)
        }
        let isTried = underlay.usesWebSocket
        let probe = HubProbe(hub: hub, authorities: underlay.authorities)
        if isTried, let milliseconds = await probe.roundTripOverWebSocket() {
            return answering(hub, over: .websocket, milliseconds)
        }
        let ways = isTried ? "neither over UDP nor over WebSocket" : "over UDP"
        return .broken(
            "hub",
            "nothing answers at \(hub.place) \(ways) under the key of the URL",
            why: "peers that are not at a known address are met at the hub",
            hint: "see that the hub runs and its READY line has this very URL (a hub under another key is silent), "
                + "and that no firewall here or there drops UDP to port \(hub.place.port)"
        )
    }
}

/// One round trip to a hub from a node that lives for it alone.
struct HubProbe {
    private static let patience = TimeAmount.seconds(4)

    let hub: HubURL
    /// The authorities of the hub's certificate, in PEM; nil: those of the system.
    var authorities: String?

    /// How long it takes over UDP, the handshake not counted; nil: nothing came back.
    func roundTrip(at addresses: [String]) async -> Double? {
        let endpoints = addresses.compactMap { address in
            (try? SocketAddress(ipAddress: address, port: Int(hub.place.port))).flatMap { Endpoint($0) }
        }
        return await ask(isUsingWebSocket: false) { node in
            node.admit(PeerConfiguration(key: hub.key, candidates: Candidate.hosts(endpoints)))
        }
    }

    /// The same over a WebSocket, by the proxies of the environment.
    func roundTripOverWebSocket() async -> Double? {
        await ask(isUsingWebSocket: true) { node in
            node.admit(PeerConfiguration(key: hub.key))
            node.offerWebSocket(hub.websocket, to: hub.key)
        }
    }

    /// What a ping takes from a node that `prepare` told of the hub.
    private func ask(isUsingWebSocket: Bool, _ prepare: @escaping @Sendable (OverlayNode) -> Void) async -> Double? {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        var settings = OverlayNode.Settings.defaults
        settings.pingTimeout = Self.patience
        settings.webSocket.isUsed = isUsingWebSocket
        settings.webSocket.authorities = authorities
        settings.webSocket.proxies = WebProxies(environment: ProcessInfo.processInfo.environment)
        let (used, key) = (settings, hub.key)
        let probe = loop.flatSubmit { () -> EventLoopFuture<Double?> in
            guard let identity = try? NodeIdentity(seed: SystemEntropy.bytes()) else {
                return loop.makeFailedFuture(OverlayError.notRunning)
            }
            let quiet = Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
            let node = OverlayNode(eventLoop: loop, identity: identity, settings: used, logger: quiet)
            return node.start().assumeIsolated().flatMap { _ in
                prepare(node)
                return node.ping(key)
            }.map { $0.roundTrip.milliseconds as Double? }.flatMapErrorThrowing { _ in nil }.flatMap { milliseconds in
                node.stop().assumeIsolated().map { milliseconds }.nonisolated()
            }.nonisolated()
        }
        let milliseconds = try? await probe.get()
        try? await group.shutdownGracefully()
        return milliseconds ?? nil
    }
}
