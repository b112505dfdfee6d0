package import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
import PosternModel
package import StateStore
import Synchronization

/// The control API over HTTP/1.1: on the socket in the state directory, and on loopback TCP where it is wanted.
package final class ControlServer: Sendable {
    private let group: any EventLoopGroup
    private let backend: any ControlBackend
    private let settings: ControlSettings
    private let logger: Logger
    private let sessions = BrowserSessions()
    /// Where loopback TCP is served.
    private let address = Mutex<HostPort?>(nil)

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

    /// Serves loopback TCP at `host` and `port`. All but the probes needs `token`, or for reading the cookie of a
    /// browser that came by a link; the metrics do not when they are open.
    package func serve(
        host: String,
        port: Int,
        token: ControlToken,
        hasOpenMetrics: Bool = false
    ) -> EventLoopFuture<any Channel> {
        let access = ControlAccess(token: token, sessions: sessions, hasOpenMetrics: hasOpenMetrics)
        return bootstrap(.loopback(access)).bind(host: host, port: port).map { channel in
            let bound = channel.localAddress?.port.flatMap { UInt16(exactly: $0) } ?? 0
            self.address.withLock { $0 = HostPort(host: host, port: bound) }
            return channel
        }
    }

    /// A link that takes one browser to the status page; nil when there is no loopback TCP.
    func link(at now: NIODeadline) -> String? {
        guard let address = address.withLock(\.self) else { return nil }
        return "http://\(address)\(ControlRoute.entryPath)?once=\(sessions.makeLink(at: now))"
    }

    /// The cookie for the browser that comes by the link with `secret`; nil when the link is not good any more.
    func enter(_ secret: String, at now: NIODeadline) -> String? { sessions.enter(secret, at: now) }

    private func bootstrap(_ door: ControlDoor) -> ServerBootstrap {
        let connections = ConnectionTable(limit: settings.maximumConnections)
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
                }
            }
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [backend, settings, logger] channel in
                guard connections.enter(channel) else { return channel.close() }
                channel.closeFuture.whenComplete { _ in connections.leave(channel) }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(allTimeout: settings.idleTimeout))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(
                        ControlConnection(
                            door: door,
                            server: self,
                            connections: connections,
                            backend: backend,
                            settings: settings,
                            logger: logger
                        )
                    )
                }
            }
    }
}
