import GatewayCore
import GatewayNIO
import NIOCore
import OverlayNIO
import PosternConfiguration
import PosternModel

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
    /// Offers every service of `reach:` that is not offered yet. Fails with ``ReachError`` at the first that cannot be.
    func reachAll() -> EventLoopFuture<Void> {
        let waiting = configuration.reach.enumerated().filter { _, entry in
            !reaches.contains { $0.configured == entry }
        }
        guard let (position, entry) = waiting.first else { return node.eventLoop.makeSucceededVoidFuture() }
        return reach(entry, position: position).assumeIsolated().flatMap { self.reachAll() }.nonisolated()
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
            listen: listen
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
