import Dispatch
import Logging
package import NIOCore
import NIOSSL
import OverlayCore
package import OverlayWire
package import PosternModel

// Hubs to which UDP does not lead.
extension OverlayNode {
    /// The hub `key` takes WebSocket connections at `url`: one is opened when UDP does not lead to it. Nil: it takes
    /// none.
    package func offerWebSocket(_ url: WebSocketURL?, to key: NodeKey) {
        eventLoop.assertInEventLoop()
        guard settings.webSocket.isUsed, hubConnections[key]?.url != url else { return }
        if case .open(let connection, _, _)? = hubConnections[key]?.phase { webSockets?.close(connection) }
        hubConnections[key] = url.map(HubConnection.init)
        hope(key)
    }

    /// On a hub: takes WebSocket connections at `address`, over TLS with `identity`. The result is the bound address.
    package func listenForWebSockets(
        at address: SocketAddress,
        identity: TLSIdentity?
    ) -> EventLoopFuture<SocketAddress> {
        eventLoop.preconditionInEventLoop()
        guard let webSockets else { return eventLoop.makeFailedFuture(OverlayError.notRunning) }
        do {
            return webSockets.listen(at: address, context: try identity?.context())
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
    }

    /// The address at the far end of `path`: of a connection that of its TCP, which is a reverse proxy's where one
    /// stands before this hub. Nil: none shows.
    package func address(of path: Endpoint) -> Endpoint? {
        guard case .connection(let connection) = path else { return path }
        return webSockets?.connections[connection]?.remoteAddress
    }

    /// The hub is looked for, or silent: UDP gets a moment before TCP is tried beside it.
    func hope(_ key: NodeKey) {
        guard case .atRest? = hubConnections[key]?.phase else { return }
        hubConnections[key]?.phase = .hoping
        look(after: key, in: HubConnection.patience)
    }

    /// The session with a hub has changed.
    func reviewHubConnection(_ key: NodeKey) {
        switch hubConnections[key]?.phase {
        case .atRest: if needsConnection(key) { hope(key) }
        case .open: review(key)
        case .hoping, .opening, .pausing, nil: break
        }
    }

    private func look(after key: NodeKey, in time: TimeAmount) {
        eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in
            guard let self, case .running = self.phase else { return }
            self.review(key)
        }
    }

    private func review(_ key: NodeKey) {
        guard let entry = hubConnections[key] else { return }
        let isNeeded = needsConnection(key)
        switch entry.phase {
        case .atRest, .opening:
            break
        case .hoping, .pausing:
            hubConnections[key]?.phase = .atRest
            if isNeeded { open(key, at: entry.url) }
        case .open(let connection, let since, let unneededSince):
            if isDead(connection, to: key) { return webSockets?.close(connection) ?? () }
            guard !isNeeded else {
                hubConnections[key]?.phase = .open(connection, since: since, unneededSince: nil)
                return
            }
            let start = unneededSince ?? .now()
            hubConnections[key]?.phase = .open(connection, since: since, unneededSince: start)
            if start + HubConnection.linger <= .now() {
                webSockets?.close(connection)
            } else if unneededSince == nil {
                look(after: key, in: HubConnection.linger)
            }
        }
    }

    /// Whether UDP does not lead to the hub, as far as is known.
    private func needsConnection(_ key: NodeKey) -> Bool {
        guard let peer = core.peer(with: key), let status = core.status(of: peer) else { return false }
        guard status.isConnected else { return status.isConnecting }
        return status.isSilent || status.isInConnection
    }

    /// Whether the session uses the connection and hears nothing there.
    private func isDead(_ connection: ConnectionID, to key: NodeKey) -> Bool {
        guard let peer = core.peer(with: key), let status = core.status(of: peer) else { return false }
        return status.isConnected && status.isSilent && status.path == .connection(connection)
    }

    private func open(_ key: NodeKey, at url: WebSocketURL) {
        hubConnections[key]?.phase = .opening
        let proxy = settings.webSocket.proxies.proxy(for: url.place)
        let opened = clientContext(for: url).assumeIsolated().flatMap { context -> EventLoopFuture<ConnectionID> in
            guard let webSockets = self.webSockets else {
                return self.eventLoop.makeFailedFuture(OverlayError.notRunning)
            }
            let dialer = WebSocketDialer(url: url, proxy: proxy, context: context)
            return webSockets.open(dialer) { self.closed($0, to: key) }
        }
        opened.whenComplete { result in
            guard case .running = self.phase else { return }
            switch result {
            case .success(let connection): self.opened(connection, to: key, at: url)
            case .failure(let error): self.refused(error, by: key, at: url)
            }
        }
    }

    private func opened(_ connection: ConnectionID, to key: NodeKey, at url: WebSocketURL) {
        guard hubConnections[key]?.url == url, let peer = core.peer(with: key) else {
            webSockets?.close(connection)
            return
        }
        log.info("a hub is reached over WebSocket", metadata: ["hub": "\(key)", "url": "\(url)"])
        hubConnections[key]?.phase = .open(connection, since: .now(), unneededSince: nil)
        core.openConnection(connection, with: peer, at: now)
        needsTurn()
        look(after: key, in: HubConnection.linger)
    }

    private func refused(_ error: any Error, by key: NodeKey, at url: WebSocketURL) {
        failures.refusedConnections += 1
        log.info(
            "a hub is not reached over WebSocket",
            metadata: ["hub": "\(key)", "url": "\(url)", "error": "\(error)"]
        )
        guard let pause = hubConnections[key]?.beginPause() else { return }
        look(after: key, in: pause)
    }

    private func closed(_ connection: ConnectionID, to key: NodeKey) {
        guard case .running = phase else { return }
        if let peer = core.peer(with: key) {
            core.closeConnection(connection, with: peer, at: now)
            needsTurn()
        }
        guard case .open(connection, let since, let unneededSince)? = hubConnections[key]?.phase else { return }
        if since + HubConnection.goodAge <= .now() { hubConnections[key]?.pause = HubConnection.firstPause }
        guard unneededSince == nil, let pause = hubConnections[key]?.beginPause() else {
            hubConnections[key]?.phase = .atRest
            return
        }
        look(after: key, in: pause)
    }

    /// The settings of TLS towards hubs, read once; nil: the URL needs none.
    private func clientContext(for url: WebSocketURL) -> EventLoopFuture<NIOSSLContext?> {
        guard url.isSecured else { return eventLoop.makeSucceededFuture(nil) }
        if let tlsContext { return tlsContext }
        let made = eventLoop.makePromise(of: NIOSSLContext?.self)
        let authorities = settings.webSocket.authorities
        // The system's authorities take a disk and some milliseconds.
        DispatchQueue.global().async { made.completeWith(Result { try Self.clientContext(authorities) }) }
        tlsContext = made.futureResult
        return made.futureResult
    }

    private nonisolated static func clientContext(_ authorities: String?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let authorities {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authorities.utf8)))
        }
        return try NIOSSLContext(configuration: configuration)
    }
}

/// What a hub shows over TLS.
package struct TLSIdentity: Sendable, Hashable {
    /// Its certificate, then those that lead to an authority, in PEM.
    private let chain: String
    /// The private key, in PEM.
    private let key: String

    package init(chain: String, key: String) {
        self.chain = chain
        self.key = key
    }

    /// Throws when TLS cannot be spoken with it.
    package func check() throws {
        _ = try context()
    }

    func context() throws -> NIOSSLContext {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(chain.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}
