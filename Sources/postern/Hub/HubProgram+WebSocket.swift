import Logging
import NIOCore
import OverlayNIO
import PosternConfiguration
import PosternModel

/// What `websocket:` says cannot be done.
struct WebSocketProblem: Error {
    /// The key, and what stands there.
    let key: String
    let read: String
    let expected: String
    let hint: String

    /// The mistake in `file`.
    func problem(in file: ConfigurationFile<HubConfiguration>) -> Problem {
        file.problem(at: key, read: read, expected: expected, hint: hint)
    }
}

extension HubProgram.Parts {
    /// Takes WebSocket connections as `settings` say. Without an address they are taken at the TCP ports with the
    /// numbers of the UDP ones, where those are free. The result is the first address.
    static func takeWebSockets(
        _ node: OverlayNode,
        besides udp: [SocketAddress],
        settings: HubWebSocketConfiguration?,
        logger: Logger
    ) -> EventLoopFuture<SocketAddress?> {
        guard let settings else { return node.eventLoop.makeSucceededFuture(nil) }
        let identity = settings.certificate.flatMap { chain in settings.key.map { TLSIdentity(chain: chain, key: $0) } }
        if let identity, let problem = identity.problem { return node.eventLoop.makeFailedFuture(problem) }
        if let place = settings.listen {
            do {
                let addresses = try HostAddresses.listening(at: place)
                return all(addresses.map { node.listenForWebSockets(at: $0, identity: identity) }, of: node)
                    .flatMapErrorThrowing { throw WebSocketProblem(taken: place, $0) }
            } catch {
                return node.eventLoop.makeFailedFuture(error)
            }
        }
        let attempts = udp.map { address in
            node.listenForWebSockets(at: address, identity: identity).map { .some($0) }.flatMapErrorThrowing { error in
                logger.notice(
                    "no WebSocket connections are taken: set `websocket` to a free TCP address, or to off",
                    metadata: ["address": "\(address)", "error": "\(error)"]
                )
                return SocketAddress?.none
            }
        }
        return EventLoopFuture.whenAllSucceed(attempts, on: node.eventLoop).map { $0.compactMap(\.self).first }
    }

    private static func all(
        _ attempts: [EventLoopFuture<SocketAddress>],
        of node: OverlayNode
    ) -> EventLoopFuture<SocketAddress?> {
        EventLoopFuture.whenAllSucceed(attempts, on: node.eventLoop).map(\.first)
    }
}

extension WebSocketProblem {
    /// `place` cannot be bound.
    fileprivate init(taken place: HostPort, _ error: any Error) {
        key = "websocket.listen"
        read = "\(place), which cannot be bound (\(error))"
        expected = "a free TCP address of this host"
        hint = "see who has it with `ss -lntp`; ports below 1024 need the right CAP_NET_BIND_SERVICE"
    }
}

extension TLSIdentity {
    /// Why it is of no use.
    fileprivate var problem: WebSocketProblem? {
        do {
            try check()
            return nil
        } catch {
            return WebSocketProblem(
                key: "websocket.certificate",
                read: "what TLS does not take (\(error))",
                expected: "a certificate and the private key to it, in PEM",
                hint: "see both with `openssl x509 -in FILE -text` and `openssl pkey -in FILE -check`"
            )
        }
    }
}
