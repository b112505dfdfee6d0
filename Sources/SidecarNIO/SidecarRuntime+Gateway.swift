import OverlayCore
import OverlayNIO
package import PosternModel
package import SidecarCore
package import TrustCore

// What the gateway asks, for each stream and each connection.
extension SidecarRuntime {
    /// Whether `peer` may use the service at `port` now. A refusal is recorded (R11).
    package func decide(_ peer: NodeKey, _ port: VirtualPort) -> Access {
        guard let life else { return .refused(.notTrusted) }
        let access = life.sidecar.decide(peer, port, at: .now())
        if case .refused(let refusal) = access {
            feed { $0.noteRefused(peer, port, because: refusal, at: $1) }
        }
        return access
    }

    /// Whether `peer` may talk with us now: by a trust, or as a fellow member.
    package func trusts(_ peer: NodeKey) -> Bool { life?.sidecar.isAdmissible(peer, at: .now()) ?? false }

    /// Whether `peer` means anybody.
    package func isKnown(_ peer: PeerName) -> Bool {
        guard let life else { return false }
        switch life.sidecar.find(peer, at: .now()) {
        case .reachable, .notTrusted, .ambiguous, .over: return true
        case .unknown: return false
        }
    }

    /// The peer that `peer` means, if a trust with it stands.
    package func trusted(_ peer: PeerName) -> NodeKey? {
        guard case .reachable(let key)? = life?.sidecar.find(peer, at: .now()) else { return nil }
        return key
    }

    /// What the trusted peers offer us, as far as they have said so.
    package func peerOffers() -> [PeerOffers] { life?.sidecar.peerOffers(at: .now()) ?? [] }

    /// Records that the rules of the service at `port` refused a call of `peer` (R11).
    package func noteRefused(_ method: String?, of peer: NodeKey, _ port: VirtualPort) {
        feed { $0.noteRefused(method, of: peer, port, at: $1) }
    }

    /// Records that a client registered a receiver of push notifications (R11).
    package func noteReceiver(_ place: String, of peer: NodeKey) {
        feed { sidecar, _ in sidecar.noteReceiver(place, of: peer) }
    }

    /// Records that the receivers for agents of `peer` have ended (R11).
    package func noteReceiversEnded(of peer: NodeKey) {
        feed { sidecar, _ in sidecar.noteReceiversEnded(of: peer) }
    }

    /// The local name of a peer, if it has one.
    package func peerName(_ key: NodeKey) -> String? { life?.sidecar.name(of: key) }

    /// Finds `target` of `peer` and calls `then` once, at once when the answer is known. A session is started and hubs
    /// are asked to relay when there is none; costs a few look-ups when there is one. At the port `refused` the peer
    /// has just said that it is not.
    package func route(
        to peer: PeerName,
        _ target: ServiceTarget,
        insteadOf refused: VirtualPort?,
        then: @escaping (Route) -> Void
    ) {
        guard life != nil else { return then(.unavailable(.stopped)) }
        life?.lastRoute += 1
        let id = RouteID(life?.lastRoute ?? 0)
        var answer = Route.asking
        life?.routes[id] = then
        feedQuietly { sidecar, now in
            let step = sidecar.route(to: peer, target, insteadOf: refused, id: id, at: now)
            answer = step.route
            return (step.actions, step.due)
        }
        if case .asking = answer { return }
        life?.routes.removeValue(forKey: id)?(answer)
    }

    /// Whether there is a session with `key`.
    package func isConnected(_ key: NodeKey) -> Bool { node.peerStatus(of: key)?.isConnected ?? false }
}
