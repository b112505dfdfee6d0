package import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
package import StateStore

/// The control API over HTTP/1.1: on the socket in the state directory, and on loopback TCP where it is wanted.
package final class ControlServer: Sendable {
    private let group: any EventLoopGroup
    private let backend: any ControlBackend
    private let settings: ControlSettings
    private let logger: Logger

    /// A server of `backend` on the loops of `group`.
    package init(
        group: any EventLoopGroup,
        backend: any ControlBackend,
        settings: ControlSettings = .defaults,
        logger: Logger
    ) {
        self.group = group
        self.backend = backend
        self.settings = settings
        self.logger = logger
    }

    /// Serves the socket at `path` with mode 0600; until it has that mode the directory keeps others away. A socket
    /// that a dead process left is replaced: the state directory's lock says that it is dead.
    package func serve(socketAt path: String) -> EventLoopFuture<any Channel> {
        bootstrap(.socket).bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).flatMapThrowing {
            channel in
            try SystemFile.restrict(path)
            return channel
        }
    }

    /// Serves loopback TCP at `host` and `port`. Changes need `token`.
    package func serve(host: String, port: Int, token: ControlToken) -> EventLoopFuture<any Channel> {
        bootstrap(.loopback(token)).bind(host: host, port: port)
    }

    private func bootstrap(_ door: ControlDoor) -> ServerBootstrap {
        let connections = ConnectionCount(limit: settings.maximumConnections)
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [backend, settings, logger] channel in
                guard connections.enter() else { return channel.close() }
                channel.closeFuture.whenComplete { _ in connections.leave() }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(allTimeout: settings.idleTimeout))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(
                        ControlConnection(door: door, backend: backend, settings: settings, logger: logger)
                    )
                }
            }
    }
}
