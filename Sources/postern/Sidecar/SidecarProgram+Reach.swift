import GatewayCore
import GatewayNIO
import Logging
import NIOCore
import OverlayNIO
import PosternConfiguration
import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why a reached service cannot be offered.
struct ReachError: Error {
    /// Its place in `reach:`.
    let position: Int
    /// What was tried last.
    let listen: HostPort
    /// The system's reason.
    let reason: any Error
}

extension SidecarProgram {
    /// A service of `reach:` that cannot be offered at present.
    struct WaitingReach {
        let configured: ReachConfiguration
        let listen: HostPort
        let reason: String
    }

    /// How long an address that cannot be bound is left alone.
    private static let retryDelay = TimeAmount.seconds(5)

    /// Services of `reach:` that are not offered yet, and their places in it.
    private var missing: [(position: Int, entry: ReachConfiguration)] {
        configuration.reach.enumerated().filter { _, entry in !reaches.contains { $0.configured == entry } }
            .map { (position: $0.offset, entry: $0.element) }
    }

    /// Offers every service of `reach:`. Fails with ``ReachError`` at the first that cannot be.
    func reachAll() -> EventLoopFuture<Void> {
        guard let (position, entry) = missing.first else { return node.eventLoop.makeSucceededVoidFuture() }
        return reach(entry, position: position).assumeIsolated().flatMap { self.reachAll() }.nonisolated()
    }

    /// Gives agents here a port for the receivers of peers, when an exposed service has a use for it. It is the same
    /// after every start, since agents keep its address.
    func listenForCallbacks() -> EventLoopFuture<Void> {
        let isWanted = configuration.expose.contains { $0.service.kind == .a2a && $0.push }
        guard isWanted, gateway.callbackPort == nil else { return node.eventLoop.makeSucceededVoidFuture() }
        return gateway.listenForCallbacks(at: reachPorts.candidates(named: Self.callbacksName)).assumeIsolated().map {
            self.reachPorts.remember($0, named: Self.callbacksName)
        }.flatMapErrorThrowing { error in
            self.log.error("agents have no port for push notifications", metadata: ["error": "\(error)"])
        }.nonisolated()
    }

    /// No peer's name holds a space.
    private static let callbacksName = "push notifications"

    /// Offers every service of `reach:` that can be. Those that cannot be are tried again until they can, or are taken
    /// out of the configuration.
    func reachWhatCanBe() -> EventLoopFuture<Void> {
        let tries = missing.map { position, entry in
            reach(entry, position: position).assumeIsolated().map { nil as WaitingReach? }.flatMapError { error in
                self.node.eventLoop.makeSucceededFuture(self.note(entry, error))
            }.nonisolated()
        }
        return EventLoopFuture.whenAllSucceed(tries, on: node.eventLoop).assumeIsolated().map { outcomes in
            self.waiting = outcomes.compactMap(\.self)
            self.tryAgainLater()
        }.nonisolated()
    }

    private func note(_ entry: ReachConfiguration, _ error: any Error) -> WaitingReach {
        let failure = error as? ReachError
        let listen = entry.listen ?? HostPort.loopback(0)
        let reason = failure.map { Self.reason($0.reason) } ?? "\(error)"
        if !waiting.contains(where: { $0.configured == entry }) {
            log.error(
                "a reached service cannot be offered and is tried again",
                metadata: ["listen": "\(listen)", "error": "\(reason)"]
            )
        }
        return WaitingReach(configured: entry, listen: listen, reason: reason)
    }

    private static func reason(_ error: any Error) -> String {
        (error as? IOError)?.errnoCode == EADDRINUSE ? "the address is in use" : "\(error)"
    }

    private func tryAgainLater() {
        guard !waiting.isEmpty, retry == nil else { return }
        retry = node.eventLoop.assumeIsolated().scheduleTask(in: Self.retryDelay) { [weak self] in
            guard let self else { return }
            self.retry = nil
            let before = self.waiting
            self.reachWhatCanBe().assumeIsolated().whenComplete { _ in
                for entry in before where self.reaches.contains(where: { $0.configured == entry.configured }) {
                    self.log.notice("a reached service is offered again", metadata: ["listen": "\(entry.listen)"])
                }
            }
        }
    }

    private func reach(_ entry: ReachConfiguration, position: Int) -> EventLoopFuture<Void> {
        let choices =
            if let listen = entry.listen {
                [listen]
            } else {
                reachPorts.candidates(for: entry).map { HostPort.loopback($0) }
            }
        return reach(entry, position: position, choices: choices[...])
    }

    private func reach(
        _ entry: ReachConfiguration,
        position: Int,
        choices: ArraySlice<HostPort>
    ) -> EventLoopFuture<Void> {
        let listen = choices.first ?? HostPort.loopback(0)
        let service = ReachedService(
            peer: entry.peer,
            target: entry.target,
            listen: listen,
            origins: entry.origins,
            push: PushScope(entry.push),
            eventSilence: .milliseconds(Int64(entry.eventSilence)),
            network: entry.exposesToNetwork ? NetworkAccess(hosts: entry.hosts, clients: entry.clients) : nil
        )
        return gateway.reach(service).assumeIsolated().map { address in
            let bound = listen.with(port: UInt16(address.port ?? 0))
            self.reaches.append(Reach(configured: entry, service: service, listen: bound))
            if entry.listen == nil { self.reachPorts.remember(bound.port, for: entry) }
        }.flatMapError { error in
            if choices.count > 1 { return self.reach(entry, position: position, choices: choices.dropFirst()) }
            return self.node.eventLoop.makeFailedFuture(
                ReachError(position: position, listen: listen, reason: error)
            )
        }.nonisolated()
    }
}

extension PushScope {
    fileprivate init(_ scope: ReachConfiguration.PushScope) {
        self =
            switch scope {
            case .loopback: .loopback
            case .any: .any
            case .off: .off
            }
    }
}
