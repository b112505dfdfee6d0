package import PosternModel
import TrustCore

// What peers may ask on the control port.
extension Sidecar {
    /// Answers what `peer` asked on the control port. A guest may redeem its invitation and nothing else.
    package mutating func receive(
        _ request: PeerRequest,
        id: PeerRequestID,
        from peer: NodeKey,
        at now: Clocks
    ) -> [SidecarAction] {
        switch request {
        case .redeem(let sealed):
            guard isGuest(peer), case .claim(let claim)? = try? Mail(opening: sealed, with: identity),
                claim.invitation == guests[peer]
            else { return [.answerPeer(id, .refused)] }
            let (answer, actions) = claimed(claim, at: now)
            return actions + [.answerPeer(id, answer.map { .redeemed(answer: $0) } ?? .refused)]
        case .services:
            guard !isGuest(peer), isAdmissible(peer, at: now) else { return [.answerPeer(id, .refused)] }
            let services = policy.services(for: subject(peer, at: now))
            return [.answerPeer(id, .services(services, version: profile.version))]
        case .entries(let network, let locator, let beats, let credential):
            let shown = isGuest(peer) ? [] : take([credential].compactMap(\.self), of: peer, at: now)
            let answer = answer(to: peer, lacking: locator, of: network)
            return shown + [.answerPeer(id, answer)] + take(beats, of: network, from: .fellow(peer), at: now)
        case .keys(let keys):
            guard !isGuest(peer) else { return [.answerPeer(id, .refused)] }
            return [.answerPeer(id, .done)] + learn(keys, of: peer, at: now)
        case .mark(let mark):
            guard !isGuest(peer), isAdmissible(peer, at: now) else { return [.answerPeer(id, .refused)] }
            return [.answerPeer(id, .marked(keep(mark, of: peer))), .remember]
        }
    }

    /// A peer's sidecar answered; nil: the stream or the session ended without an answer that can be read.
    package mutating func peerAnswered(
        _ id: SidecarRequestID,
        _ answer: PeerAnswer?,
        at now: Clocks
    ) -> [SidecarAction] {
        switch peerRequests.removeValue(forKey: id) {
        case .redeem(let claim):
            guard case .redeemed(let sealed) = answer else { return [] }
            return redeemed(claim, answer: sealed, at: now)
        case .offers(let peer):
            guard case .services(let services, let version) = answer else { return offered(nil, by: peer, at: now) }
            peers[peer].version = version
            return offered(services, by: peer, at: now)
        case .mark(let peer, let sequence):
            guard let answer else { return [] }
            // A peer that keeps none, as those of former versions, is not asked again in this session.
            let earlier = peers[peer].marked
            peers[peer].marked = max(earlier, sequence)
            guard case .marked(let mark) = answer else { return [] }
            return told(mark, by: peer, at: now)
        case .entries(let network, let peer):
            guard case .entries(let entries, let beats, let box) = answer else { return [] }
            let key = box.flatMap { contentKey(in: $0, of: network) }
            return learn(key, of: network) + compared(entries, of: network, with: peer, at: now)
                + take(beats, of: network, from: .fellow(peer), at: now)
        case .keys, nil:
            return []
        }
    }
}
