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
                findings.append(await probed(hub))
            }
        }
        return findings
    }

    /// What the running sidecar says of a hub to which it is connected.
    static func connected(_ hub: StatusDocument.Hub) -> [Finding] {
        var findings: [Finding] = [
            .ok("hub", "\(hub.url) answers over \(hub.transport), round trip \(Shown.milliseconds(hub.rttMs))")
        ]
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

    /// Asks the hub itself, under a key that is thrown away.
    private static func probed(_ hub: HubURL) async -> Finding {
        let addresses = Sockets.addresses(of: hub.place.host)
        guard !addresses.isEmpty else {
            return .broken(
                "hub",
                "\(hub.place.host) cannot be resolved",
                why: "peers that are not at a known address are met at the hub",
                hint: "check the name in `hubs:`, and DNS with `getent hosts \(hub.place.host)`"
            )
        }
        guard let milliseconds = await HubProbe.roundTrip(to: hub, at: addresses) else {
            return .broken(
                "hub",
                "nothing answers at \(hub.place) over UDP under the key of the URL",
                why: "peers that are not at a known address are met at the hub",
                hint: "see that the hub runs and its READY line has this very URL (a hub under another key is silent), "
                    + "and that no firewall here or there drops UDP to port \(hub.place.port)"
            )
        }
        return .ok("hub", "\(hub) answers over udp, round trip \(Shown.milliseconds(milliseconds))")
    }
}

/// One round trip to a hub from a node that lives for it alone.
enum HubProbe {
    private static let patience = TimeAmount.seconds(4)

    /// How long it takes, the handshake not counted; nil: nothing came back.
    static func roundTrip(to hub: HubURL, at addresses: [String]) async -> Double? {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let endpoints = addresses.compactMap { address in
            (try? SocketAddress(ipAddress: address, port: Int(hub.place.port))).flatMap { Endpoint($0) }
        }
        let probe = loop.flatSubmit { () -> EventLoopFuture<Double?> in
            guard let identity = try? NodeIdentity(seed: SystemEntropy.bytes()) else {
                return loop.makeFailedFuture(OverlayError.notRunning)
            }
            var settings = OverlayNode.Settings.defaults
            settings.pingTimeout = patience
            let quiet = Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
            let node = OverlayNode(eventLoop: loop, identity: identity, settings: settings, logger: quiet)
            return node.start().assumeIsolated().flatMap { _ in
                node.admit(PeerConfiguration(key: hub.key, candidates: Candidate.hosts(endpoints)))
                return node.ping(hub.key)
            }.map { $0.roundTrip.milliseconds as Double? }.flatMapErrorThrowing { _ in nil }.flatMap { milliseconds in
                node.stop().assumeIsolated().map { milliseconds }.nonisolated()
            }.nonisolated()
        }
        let milliseconds = try? await probe.get()
        try? await group.shutdownGracefully()
        return milliseconds ?? nil
    }
}
