import GatewayCore
package import NIOCore
package import PosternModel

/// The forward proxy of local clients: requests say which service of which peer they are for.
package final class ForwardProxy {
    /// What becomes of requests for hosts that are not in the overlay.
    package enum Others: Hashable, Sendable {
        /// They are refused.
        case refuse
        /// They go to the host itself, without the overlay.
        case direct
    }

    /// Virtual ports behind it are Postern's own.
    private static let lastPort = VirtualPort(65_279)

    private let gateway: Gateway
    private let others: Others
    /// Foreign origins that may call: see ``OriginRules``.
    private let origins: [String]
    /// Where clients find us.
    private var place: HostPort?

    private init(gateway: Gateway, others: Others, origins: [String]) {
        self.gateway = gateway
        self.others = others
        self.origins = origins
    }

    /// Serves local clients of `gateway` at `listen`, a loopback address. The result is the bound address; fails with
    /// the error of binding.
    package static func serve(
        _ gateway: Gateway,
        at listen: HostPort,
        others: Others,
        origins: [String]
    ) -> EventLoopFuture<HostPort> {
        let proxy = ForwardProxy(gateway: gateway, others: others, origins: origins)
        return gateway.bind(listen, accept: proxy.accept).assumeIsolated().map { channel in
            gateway.proxyListener = channel
            let bound = listen.with(port: UInt16(channel.localAddress?.port ?? 0))
            proxy.place = bound
            return bound
        }.nonisolated()
    }

    /// A client connected.
    private func accept(_ channel: any Channel) throws {
        guard gateway.admitClient() == .admitted else { throw ListenError.noRoom }
        let connection = ProxyConnection(proxying: gateway.scratch)
        let proxy = ProxyHandler(connection, gateway: gateway, forwardProxy: self)
        gateway.insert(proxy)
        let link = ChannelLink(.downstream, of: proxy) { proxy.begin(downstream: .channel($0)) }
        try channel.pipeline.syncOperations.addHandler(link)
    }

    /// Tells `proxy` where `target` leads, now or later.
    func route(_ target: ProxyTarget, for proxy: ProxyHandler) {
        guard let (peer, service) = service(target) else { return passOn(target, for: proxy) }
        if case .port(let port) = service, port > ForwardProxy.lastPort {
            return proxy.refused(.noSuchService(target.host))
        }
        let reached = ReachedService(peer: peer, target: service, origins: origins)
        let port = ReachPort(service: reached, gateway: gateway, proxied: target)
        proxy.port = port
        gateway.authority.resolve(peer, service, insteadOf: nil) { [weak proxy] in proxy?.resolved($0, port) }
        proxy.notePeer()
    }

    /// The service that `target` means, by its virtual port, or by its name before that of its peer.
    private func service(_ target: ProxyTarget) -> (PeerName, ServiceTarget)? {
        guard let peer = target.peer else { return nil }
        if !gateway.authority.isKnown(peer), let (service, owner) = target.serviceOfPeer,
            gateway.authority.isKnown(owner)
        {
            return (owner, .name(service))
        }
        return (peer, .port(VirtualPort(target.port)))
    }

    private func passOn(_ target: ProxyTarget, for proxy: ProxyHandler) {
        let name = target.host.hasPrefix("[") ? String(target.host.dropFirst().dropLast()) : target.host
        let place = HostPort(host: name, port: target.port)
        switch (others, place) {
        case (.refuse, _), (.direct, nil): proxy.refused(.notInOverlay(target.host))
        case (.direct, let place?) where place.isLoopback && place.port == self.place?.port:
            proxy.refused(.proxyLoop)
        case (.direct, let place?):
            proxy.resolved(
                target.isTunnel ? .passthrough : .reach(ReachPolicy(passingOnTo: target.host)),
                HostConnector(place: place, gateway: gateway)
            )
        }
    }
}

/// The TCP connection to a host outside the overlay, which a client of the forward proxy named.
struct HostConnector: UpstreamConnector {
    let place: HostPort
    let gateway: Gateway

    func open(_ destination: ProxyConnection.Destination, for proxy: ProxyHandler) {
        let error = GatewayError.hostRefused(place.description)
        gateway.connect(to: Exposure.Upstream(place), for: proxy) { _ in error }
    }

    func describe(_ end: LinkEnd) -> (GatewayError, HTTP1ConnectionState.Loss) {
        (.hostRefused(place.description), .broken)
    }
}

// What a connection to the forward proxy reaches, which its requests say.
extension ProxyHandler {
    /// A host outside the overlay, by `connector`.
    func resolved(_ policy: ForwardingPolicy, _ connector: any UpstreamConnector) {
        leave(peer: nil, connector)
        resolved(policy)
    }

    /// Nothing: the client gets `error`.
    func refused(_ error: GatewayError) {
        leave(peer: nil, nil)
        unavailable(error)
    }
}
