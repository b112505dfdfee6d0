import GatewayCore
import NIOCore
import PosternModel

/// A local port that is open.
struct Listening {
    let channel: any Channel
    let port: ReachPort
}

/// One local port for a peer's service.
final class ReachPort {
    let service: ReachedService
    let gateway: Gateway
    private let origins: OriginRules
    /// Under which names clients may address the service, while its peer is called `peerName`.
    private var names: OwnNames
    private var peerName: String?
    /// By which target of the forward proxy a client means the service.
    private let proxied: ProxyTarget?
    /// What keeps clients from the service; nil: nothing does, as far as the last of them saw.
    var trouble: ServiceTrouble?

    init(service: ReachedService, gateway: Gateway, proxied: ProxyTarget? = nil) {
        self.service = service
        self.gateway = gateway
        self.proxied = proxied
        origins = OriginRules(service.origins)
        names = proxied.map { OwnNames(only: $0.host) } ?? Self.names(of: service, peerName: nil)
    }

    /// Why a service of this kind is not what the client wants.
    func refusal(_ kind: ServiceKind) -> GatewayError? {
        switch kind {
        case .mcp, .a2a, .http: nil
        case .tcp, .stdio: proxied.flatMap { $0.isTunnel ? nil : .needsTunnel($0.host) }
        case .udp: .datagramsOnly(service.peer.description)
        }
    }

    private static func names(of service: ReachedService, peerName: String?) -> OwnNames {
        var names = service.network?.hosts ?? []
        if case .name(let name) = service.peer.meaning { names.append(PeerName.host(of: name)) }
        if let peerName { names.append(PeerName.host(of: peerName)) }
        return OwnNames(overlayNames: names)
    }

    /// Takes note of what `peer` is called now.
    private func learnName(of peer: NodeKey?) {
        let name = peer.flatMap(gateway.authority.peerName)
        guard name != peerName, proxied == nil else { return }
        peerName = name
        names = Self.names(of: service, peerName: name)
    }

    /// What clients may do when the service is of this kind and of this peer; nil while nobody knows.
    func policy(_ kind: ServiceKind?, of peer: NodeKey?) -> ForwardingPolicy {
        if let kind, !kind.isHTTP { return .passthrough }
        learnName(of: peer)
        return .reach(
            ReachPolicy(
                names: names,
                origins: origins,
                offersUpgrade: kind?.offersUpgrade ?? false,
                carriesHTTP2: kind?.carriesHTTP2 ?? false,
                isKnownToBeHTTP: kind != nil || proxied != nil,
                keepsEventsAlive: service.eventSilence > .zero,
                callbacks: kind.flatMap { callbacks(of: $0, peer) }
            )
        )
    }

    private func callbacks(of kind: ServiceKind, _ peer: NodeKey?) -> ReachedCallbacks? {
        switch (kind, service.push, peer) {
        case (.a2a, .loopback, let peer?), (.a2a, .any, let peer?):
            ReachedCallbacks(gateway: gateway, peer: peer, scope: service.push)
        case (.a2a, _, _), (.mcp, _, _), (.http, _, _), (.tcp, _, _), (.udp, _, _), (.stdio, _, _): nil
        }
    }

    /// A client connected.
    func accept(_ channel: any Channel) throws {
        let address = channel.remoteAddress?.ipAddress ?? ""
        guard service.network?.admits(address) ?? true else { throw ListenError.foreignClient }
        let admission = gateway.admitClient()
        guard admission != .refused else { throw ListenError.noRoom }
        let proxy = ProxyHandler(reaching: self, gateway: gateway)
        gateway.insert(proxy)
        let link = ChannelLink(.downstream, of: proxy) {
            if admission == .admitted { self.begin(proxy, $0) } else { self.turnAway(proxy, $0) }
        }
        try channel.pipeline.syncOperations.addHandler(link)
    }

    /// Lets the client ask, and tells it that there is no room. One that does not ask is cut.
    private func turnAway(_ proxy: ProxyHandler, _ link: ChannelLink) {
        proxy.begin(downstream: .channel(link))
        proxy.resolved(.failure(.noRoom(service.peer.description), kind: nil), self)
        gateway.eventLoop.assumeIsolated().scheduleTask(in: gateway.settings.headTimeout) { [weak proxy] in
            proxy?.cut()
        }
    }

    private func begin(_ proxy: ProxyHandler, _ link: ChannelLink) {
        proxy.begin(downstream: .channel(link))
        gateway.authority.resolve(service.peer, service.target, insteadOf: nil) { [weak proxy] resolution in
            proxy?.resolved(resolution, self)
        }
        proxy.notePeer()
        proxy.settle()
    }
}
