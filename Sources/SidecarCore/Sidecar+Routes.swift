import HubProtocol
package import PosternModel
import TrustCore

/// One question of the gateway that waits for its answer.
package struct RouteID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Where a peer's service is.
package enum Route: Hashable, Sendable {
    /// The peer is reachable for us and offers it. A path to the peer need not exist yet.
    case ready(NodeKey, Service)
    /// Why not.
    case unavailable(Problem)
    /// The peer is asked; the answer comes as ``SidecarAction/routed(_:_:)``.
    case asking
}

/// What a trusted peer offers us.
package struct PeerOffers: Hashable, Sendable {
    package let peer: NodeKey
    /// Empty as well while it has not said so.
    package let services: [Service]
    package let isConnected: Bool
    /// Whether it said so a short time ago.
    package let areFresh: Bool
}

// Routes of local clients to services of peers, and what peers offer.
extension Sidecar {
    /// What a peer said that it offers us.
    struct Offers: Sendable {
        let services: [Service]
        /// When it was said; nil: in an earlier run, or before the peer's latest start.
        var time: Instant?
    }

    /// Who waits for what a peer offers.
    enum OffersWaiter: Sendable {
        case command(CommandID)
        case route(RouteID, PeerName, ServiceTarget)
    }

    /// Where `target` of `peer` is, for a client that connects now. When the peer is known, connected and has offered
    /// it before, this costs a few look-ups and no action. `due` is when ``advance(to:)`` has something to do because
    /// of it: other deadlines stay as they are.
    ///
    /// - Parameter refused: a port where the peer has said since that the service is not, so that what it offered is
    ///   out of date.
    package mutating func route(
        to peer: PeerName,
        _ target: ServiceTarget,
        insteadOf refused: VirtualPort? = nil,
        id: RouteID,
        at now: Clocks
    ) -> (route: Route, actions: [SidecarAction], due: Instant?) {
        let key: NodeKey
        guard book.outdated == nil else {
            let problem = Problem.outdated
            return (.unavailable(.unreachable("not-trusted", problem.message, problem.hint ?? "")), [], nil)
        }
        switch find(peer, at: now) {
        case .reachable(let found): key = found
        case .over(let why, let hint):
            return (.unavailable(.unreachable("peer-unknown", why, hint)), [], nil)
        case .unknown(let hint):
            return (.unavailable(.unreachable("peer-unknown", "no peer is known as \(peer)", hint)), [], nil)
        case .ambiguous(let dids):
            let message = "\(peer) can mean \(dids.joined(separator: " or "))"
            return (.unavailable(.unreachable("peer-unknown", message, "name the peer by its did:key")), [], nil)
        case .notTrusted(_, let hint):
            return (.unavailable(.unreachable("not-trusted", "there is no trust with \(peer) yet", hint)), [], nil)
        }
        var actions = want(key, at: now)
        // Receivers of push notifications are no service that a peer offers: the request has to name one.
        if target == .port(SidecarPort.callbacks) {
            return (.ready(key, .callbacks), actions, nextLookUp(of: key, at: now))
        }
        if let offers = peers[key].offers, let service = offers.services.first(where: target.matches),
            service.port != refused
        {
            let isFresh = offers.time.map { now.instant - $0 < settings.offersFreshness } ?? false
            if !isFresh { actions += ask(key, at: now) }
            return (.ready(key, service), actions, nextLookUp(of: key, at: now))
        }
        offersWaiters[key, default: []].append(.route(id, peer, target))
        actions += ask(key, at: now)
        return (.asking, actions, nextLookUp(of: key, at: now))
    }

    /// What the trusted peers offer us, in the order of their keys; costs a walk over all of them.
    package func peerOffers(at now: Clocks) -> [PeerOffers] {
        book.relationships.keys.sorted().filter { isTrusted($0, at: now) }.map { key in
            let link = peers[key]
            return PeerOffers(
                peer: key,
                services: link.offers?.services ?? [],
                isConnected: link.isConnected,
                areFresh: link.offers?.time.map { now.instant - $0 < settings.offersFreshness } ?? false
            )
        }
    }

    /// Asks `peer` what it offers us; the command is answered with its list.
    mutating func askServices(of peer: NodeKey, for waiter: OffersWaiter, at now: Clocks) -> [SidecarAction] {
        offersWaiters[peer, default: []].append(waiter)
        return want(peer, at: now) + ask(peer, at: now)
    }

    /// One question at a time: who asks meanwhile gets the same answer.
    private mutating func ask(_ peer: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard peers[peer].offersRequest == nil else { return [] }
        let id = nextPeerRequest(.offers(peer))
        peers[peer].offersRequest = id
        return [.peerRequest(id, peer: peer, .services)]
    }

    /// A peer said what it offers; nil: it did not answer.
    mutating func offered(_ services: [Service]?, by peer: NodeKey, at now: Clocks) -> [SidecarAction] {
        peers[peer].offersRequest = nil
        var actions: [SidecarAction] = []
        if let services, isAdmissible(peer, at: now) {
            if peers[peer].offers?.services != services { actions.append(.remember) }
            peers[peer].offers = Offers(services: services, time: now.instant)
        }
        return actions
            + (offersWaiters.removeValue(forKey: peer) ?? []).map { waiter in
                switch waiter {
                case .command(let id): services.map { .answer(id, $0) } ?? .fail(id, .silentPeer)
                case .route(let id, let name, let target):
                    .routed(id, Self.route(to: peer, called: name, target, among: services))
                }
            }
    }

    private static func route(
        to key: NodeKey,
        called name: PeerName,
        _ target: ServiceTarget,
        among services: [Service]?
    ) -> Route {
        guard let services else {
            let hint = "see `postern ping \(name)`; its sidecar may be down or out of reach"
            return .unavailable(.unreachable("peer-away", "\(name) is away: it does not answer", hint))
        }
        guard let service = services.first(where: target.matches) else {
            let hint = "see `postern services \(name)`; the peer's `expose`, `allow` and grant decide"
            return .unavailable(.unreachable("no-such-service", "\(name) offers us no service \(target)", hint))
        }
        return .ready(key, service)
    }
}

extension Service {
    /// Receivers of push notifications, at every sidecar.
    fileprivate static var callbacks: Service {
        guard let name = ServiceName("callbacks") else { preconditionFailure("the name is valid") }
        return Service(name: name, port: SidecarPort.callbacks, kind: .http)
    }
}

extension Problem {
    fileprivate static func unreachable(_ code: String, _ message: String, _ hint: String) -> Problem {
        Problem(code: code, message: message, hint: hint)
    }

    static let silentPeer = Problem(
        code: "no-answer",
        message: "the peer does not answer",
        hint: "see `postern peers`, and `postern ping` on both sides"
    )
}
