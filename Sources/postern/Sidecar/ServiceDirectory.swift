import GatewayCore
import GatewayNIO
import Logging
import NIOCore
import PosternModel
import SidecarControl
import SidecarCore
import SidecarNIO

/// Decides for the gateway by what the sidecar knows, and remembers what peers offer.
final class ServiceDirectory: GatewayAuthority {
    /// How long a peer's list is used before it is asked again behind the scenes.
    private static let freshness = TimeAmount.seconds(30)

    private struct Offers {
        let services: [Service]
        let asked: NIODeadline
    }

    /// A peer that asked for what is not for it.
    private struct Refused: Hashable {
        let peer: NodeKey
        let service: String
    }

    /// A refusal is recorded once in this time, however often the peer tries.
    private static let refusalInterval = TimeAmount.minutes(1)
    private static let refusalLimit = 4_096

    private let runtime: SidecarRuntime
    private var refusals: [Refused: NIODeadline] = [:]
    private var known: [NodeKey: Offers] = [:]
    private var memory: OfferMemory
    private let log: Logger

    /// A directory that begins with what `memory` has from earlier runs.
    init(runtime: SidecarRuntime, memory: OfferMemory, logger: Logger) {
        self.runtime = runtime
        self.memory = memory
        log = logger
    }

    func mayReach(service name: String, port: VirtualPort, peer: NodeKey) -> Bool {
        if let service = ServiceName(name), runtime.mayReach(service: service, port: port, peer: peer) { return true }
        record(Refused(peer: peer, service: name))
        return false
    }

    func peerName(_ key: NodeKey) -> String? { runtime.peerName(key) }

    func networkName(_ key: NodeKey) -> String? { runtime.networkName(key) }

    func resolve(_ peer: PeerName, _ target: ServiceTarget, then: @escaping (PeerResolution) -> Void) {
        switch runtime.find(peer) {
        case .unknown:
            let hint = "name it by its did:key, or make it known by an invitation: postern join"
            then(
                .failure(
                    Refusal(.peerUnknown, "no peer is known as \(peer)", peer: peer.description, hint: hint),
                    kind: nil
                )
            )
        case .ambiguous(let candidates):
            let message = "\(peer) can mean \(candidates.joined(separator: " or "))"
            then(
                .failure(
                    Refusal(.peerUnknown, message, peer: peer.description, hint: "name the peer by its did:key"),
                    kind: nil
                )
            )
        case .notTrusted(_, let hint):
            let refusal = Refusal(.notTrusted, "there is no trust with \(peer) yet", peer: peer.description, hint: hint)
            then(.failure(refusal, kind: nil))
        case .trusted(let key):
            runtime.want(key)
            route(to: key, peer, target, then: then)
        }
    }

    /// The session with `peer` changed: what it offers after a new start may differ.
    func noteSession(with peer: NodeKey, isNew: Bool) {
        guard isNew, let offers = known[peer] else { return }
        known[peer] = Offers(services: offers.services, asked: .distantPast)
    }

    /// The trust with `peer` is over.
    func forget(_ peer: NodeKey) {
        known[peer] = nil
        memory.remember(nil, of: peer)
    }

    /// What `peer` offers as far as we know; what an earlier run knew is asked for anew.
    private func offers(of peer: NodeKey) -> Offers? {
        if let offers = known[peer] { return offers }
        guard let list = memory.list(of: peer) else { return nil }
        let offers = Offers(services: Self.offers(in: list), asked: .distantPast)
        known[peer] = offers
        return offers
    }

    private func record(_ refused: Refused) {
        let now = NIODeadline.now()
        if let last = refusals[refused], last + Self.refusalInterval > now { return }
        if refusals.count >= Self.refusalLimit { refusals.removeAll() }
        refusals[refused] = now
        runtime.recordRefusal(of: refused.service, to: refused.peer)
    }

    private func route(
        to key: NodeKey,
        _ peer: PeerName,
        _ target: ServiceTarget,
        then: @escaping (PeerResolution) -> Void
    ) {
        if let offers = offers(of: key), let offer = Self.offer(target, in: offers) {
            then(.ready(ServiceRoute(key: key, port: offer.port, kind: offer.kind)))
            if offers.asked + Self.freshness < .now() { ask(key) { _ in } }
            return
        }
        ask(key) { result in
            switch result {
            case .success(let offers):
                guard let offer = Self.offer(target, in: offers) else {
                    let hint = "see `postern services \(peer)`; the peer's `expose` and `allow` decide"
                    let message = "\(peer) offers us no service \(target)"
                    then(.failure(Refusal(.noSuchService, message, peer: peer.description, hint: hint), kind: nil))
                    return
                }
                then(.ready(ServiceRoute(key: key, port: offer.port, kind: offer.kind)))
            case .failure(let error):
                let reason = (error as? Problem)?.message ?? "it does not answer"
                let hint = "see `postern ping \(peer)`; its sidecar may be down or out of reach"
                then(
                    .failure(
                        Refusal(.peerAway, "\(peer) is away: \(reason)", peer: peer.description, hint: hint),
                        kind: nil
                    )
                )
            }
        }
    }

    private func ask(_ key: NodeKey, then: @escaping (Result<Offers, any Error>) -> Void) {
        runtime.services(of: PeerName(key)).assumeIsolated().whenComplete { result in
            then(
                result.map { document in
                    let offers = Offers(services: Self.offers(in: document), asked: .now())
                    self.known[key] = offers
                    self.memory.remember(document, of: key)
                    return offers
                }
            )
        }
    }

    private static func offer(_ target: ServiceTarget, in offers: Offers) -> Service? {
        offers.services.first { target.matches($0) }
    }

    private static func offers(in document: JSONValue) -> [Service] {
        (document.array ?? []).compactMap { Service($0) }
    }
}
