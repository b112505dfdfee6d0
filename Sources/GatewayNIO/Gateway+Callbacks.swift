import GatewayCore
package import NIOCore
import OverlayNIO
import PosternModel
import TrustCore

// Push notifications: from an agent to our loopback port, through the overlay, to the receiver that a client there
// registered (RULES P).
extension Gateway {
    /// Listens for callbacks of agents on this host, at the first of `ports` that is free. The result is that port.
    package func listenForCallbacks(at ports: [UInt16]) -> EventLoopFuture<UInt16> {
        eventLoop.assertInEventLoop()
        guard let port = ports.first else { return eventLoop.makeFailedFuture(ListenError.noRoom) }
        return bind(.loopback(port)) { try self.acceptCallback($0) }.assumeIsolated().map { channel in
            self.callbackListener = channel
            let bound = UInt16(channel.localAddress?.port ?? 0)
            self.callbackPort = bound
            return bound
        }.flatMapError { error in
            guard ports.count > 1 else { return self.eventLoop.makeFailedFuture(error) }
            return self.listenForCallbacks(at: Array(ports.dropFirst()))
        }.nonisolated()
    }

    /// An agent on this host connected, to call the receiver of a peer.
    private func acceptCallback(_ channel: any Channel) throws {
        guard admitClient() == .admitted else { throw ListenError.noRoom }
        let route = CallbackRoute()
        let proxy = ProxyHandler(forwardingCallbackTo: route, gateway: self)
        insert(proxy)
        let link = ChannelLink(.downstream, of: proxy) { link in
            proxy.begin(downstream: .channel(link))
            proxy.resolved(ForwardingPolicy.reach(ReachPolicy(forwardingCallbacksTo: route)))
        }
        try channel.pipeline.syncOperations.addHandler(link)
    }

    /// A peer brings a callback of its agent. Which receiver it may call, its request has to say.
    func acceptCallback(_ stream: OverlayStream, from peer: NodeKey) -> (any OverlayStreamHandler)? {
        guard stopping == nil, authority.trusts(peer) else {
            noteRefusedStream()
            return nil
        }
        let route = CallbackRoute()
        let find = { [callbacks] (id: CallbackID) in callbacks.receiver(id, for: peer) }
        return serve(
            stream,
            of: peer,
            at: callbackExposure,
            by: ReceiverConnector(route: route, gateway: self)
        ) { .expose(ExposePolicy(deliveringCallbacksTo: route, find: find)) }
    }

    /// Callbacks as a service of ours, so that those of one peer are counted like its other streams.
    static func makeCallbackExposure(on eventLoop: any EventLoop) -> Exposure {
        guard let name = ServiceName("callbacks") else { preconditionFailure("the name is valid") }
        return Exposure(
            ExposedService(
                service: Service(name: name, port: SidecarPort.callbacks, kind: .http),
                upstream: .loopback(0)
            ),
            eventLoop: eventLoop
        )
    }
}

extension ProxyHandler {
    /// The connection of an agent on this host to the receiver of a peer, which its request names.
    convenience init(forwardingCallbackTo route: CallbackRoute, gateway: Gateway) {
        let connection = ProxyConnection(reaching: "of the receiver", scratch: gateway.scratch)
        self.init(connection, gateway: gateway, connector: CallbackConnector(route: route, gateway: gateway))
    }
}

/// The stream to the peer whose receiver an agent calls. Which peer that is, the request says.
struct CallbackConnector: UpstreamConnector {
    let route: CallbackRoute
    let gateway: Gateway

    func open(_ destination: ProxyConnection.Destination, for proxy: ProxyHandler) {
        guard let peer = route.peer else { preconditionFailure("a request that names no peer is refused") }
        proxy.reach(peer)
        let target = ServiceTarget.port(SidecarPort.callbacks)
        gateway.authority.resolve(PeerName(peer), target, insteadOf: nil) { [weak proxy] resolution in
            guard let proxy else { return }
            switch resolution {
            case .ready: connector(to: peer).open(destination, for: proxy)
            case .failure(let error, _): proxy.failedToOpen(error)
            }
        }
    }

    func describe(_ end: LinkEnd) -> (GatewayError, HTTP1ConnectionState.Loss) {
        guard let peer = route.peer else { preconditionFailure("there is no stream before a peer was named") }
        return connector(to: peer).describe(end)
    }

    private func connector(to peer: NodeKey) -> OverlayConnector {
        OverlayConnector(
            route: ServiceRoute(key: peer, port: SidecarPort.callbacks, kind: .http),
            peerName: gateway.authority.peerName(peer) ?? peer.did,
            gateway: gateway
        )
    }
}

/// The TCP connection to the receiver of a callback. Which receiver that is, the request says.
struct ReceiverConnector: UpstreamConnector {
    let route: CallbackRoute
    let gateway: Gateway

    func open(_ destination: ProxyConnection.Destination, for proxy: ProxyHandler) {
        guard let receiver = route.receiver else { preconditionFailure("a request that names no receiver is refused") }
        let error = GatewayError.receiverAway(receiver.description)
        gateway.connect(to: Exposure.Upstream(receiver), for: proxy) { _ in error }
    }

    func describe(_ end: LinkEnd) -> (GatewayError, HTTP1ConnectionState.Loss) {
        (.receiverAway(route.receiver?.description ?? "its address"), .broken)
    }
}
