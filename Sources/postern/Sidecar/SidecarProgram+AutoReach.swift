import GatewayCore
import GatewayNIO
import Logging
import NIOCore
import OverlayNIO
import PosternConfiguration
import PosternModel
import SidecarCore
import SidecarNIO

/// The services that peers offer us, each at a local port of its own (`autoReach`).
struct AutomaticReaches {
    /// One service of one peer, whatever either is called.
    struct Key: Hashable {
        let peer: NodeKey
        let service: ServiceName

        /// Under which its port is remembered.
        var text: String { "\(peer.did) \(service)" }
    }

    /// A service and where it listens.
    struct Port {
        let service: ReachedService
        let listen: HostPort
    }

    var ports: [Key: Port] = [:]
    /// The services that are being opened.
    var opening: Set<Key> = []
    var timer: RepeatedTask?
}

extension SidecarProgram {
    /// Ports that are opened by themselves, at most. Further services need an entry of `reach:`.
    private static let automaticLimit = 256
    /// How often peers are asked anew what they offer.
    private static let automaticInterval = TimeAmount.seconds(30)

    /// Local ports that were opened by themselves.
    var automaticPorts: [LocalPort] {
        automatic.ports.sorted { $0.value.listen.port < $1.value.listen.port }.map { key, port in
            let name = runtime.peerName(key.peer).flatMap { PeerName($0) }
            return LocalPort(peer: name ?? PeerName(key.peer), target: .name(key.service), listen: port.listen)
        }
    }

    /// Opens a port for every service that a trusted peer offers us and that has none, and closes those of services
    /// that are not offered any longer. Done when what is known now has its ports.
    func reachAutomatically() -> EventLoopFuture<Void> {
        guard configuration.autoReach else {
            automatic.timer?.cancel()
            automatic.timer = nil
            return closePorts { _ in true }
        }
        if automatic.timer == nil {
            let program = NIOLoopBound(self, eventLoop: node.eventLoop)
            automatic.timer = node.eventLoop.scheduleRepeatedTask(
                initialDelay: Self.automaticInterval,
                delay: Self.automaticInterval
            ) { _ in
                program.value.askForOffers(alsoSilent: true)
                _ = program.value.reachAutomatically()
            }
        }
        askForOffers(alsoSilent: false)
        let wanted = Set(wantedAutomatically.prefix(Self.automaticLimit))
        let closed = closePorts { !wanted.contains($0) }
        let missing = wanted.filter { automatic.ports[$0] == nil && !automatic.opening.contains($0) }
        let opened = missing.map { open($0, at: reachPorts.candidates(named: $0.text)[...]) }
        return EventLoopFuture.andAllComplete([closed] + opened, on: node.eventLoop)
    }

    /// Asks peers what they offer us, where that is not known to be true now: those that are connected, and those of
    /// which nothing is known.
    private func askForOffers(alsoSilent: Bool) {
        for offers in runtime.peerOffers() where !offers.areFresh {
            guard offers.isConnected || alsoSilent && offers.services.isEmpty else { continue }
            // What it answers is told by `peersChanged`.
            _ = runtime.perform(ListServices(peer: PeerName(offers.peer)))
        }
    }

    /// What peers offer and no entry of `reach:` has, in a fixed order.
    private var wantedAutomatically: [AutomaticReaches.Key] {
        let configured = configuration.reach.compactMap { entry in
            runtime.trusted(entry.peer).map { (peer: $0, target: entry.target) }
        }
        return runtime.peerOffers().flatMap { offers in
            offers.services.sorted { $0.name < $1.name }.filter { service in
                !configured.contains { $0.peer == offers.peer && $0.target.matches(service) }
            }.map { AutomaticReaches.Key(peer: offers.peer, service: $0.name) }
        }
    }

    private func closePorts(where isGone: (AutomaticReaches.Key) -> Bool) -> EventLoopFuture<Void> {
        let gone = automatic.ports.filter { isGone($0.key) }
        for key in gone.keys { automatic.ports[key] = nil }
        return EventLoopFuture.andAllComplete(gone.values.map { gateway.unreach($0.service) }, on: node.eventLoop)
    }

    private func open(_ key: AutomaticReaches.Key, at ports: ArraySlice<UInt16>) -> EventLoopFuture<Void> {
        let listen = HostPort.loopback(ports.first ?? 0)
        let service = ReachedService(peer: PeerName(key.peer), target: .name(key.service), listen: listen)
        automatic.opening.insert(key)
        return gateway.reach(service).assumeIsolated().map { address in
            self.automatic.opening.remove(key)
            let bound = listen.with(port: UInt16(address.port ?? 0))
            self.automatic.ports[key] = AutomaticReaches.Port(service: service, listen: bound)
            self.reachPorts.remember(bound.port, named: key.text)
            self.log.info(
                "a peer's service has a local port",
                metadata: ["peer": "\(key.peer)", "service": "\(key.service)", "listen": "\(bound)"]
            )
        }.flatMapError { error in
            if ports.count > 1 { return self.open(key, at: ports.dropFirst()) }
            self.automatic.opening.remove(key)
            self.log.warning(
                "a peer's service has no local port",
                metadata: ["peer": "\(key.peer)", "service": "\(key.service)", "error": "\(error)"]
            )
            return self.node.eventLoop.makeSucceededVoidFuture()
        }.nonisolated()
    }
}
