package import PosternModel
import TrustCore

// What peers may reach, and what they may ask on the control port.
extension Sidecar {
    /// Whether `peer` may use the exposed `service` at `port` now: a trust stands, our grant names the service, and an
    /// `allow` rule of the configuration admits the peer. All three, at every stream (S5).
    package func mayReach(service: ServiceName, port: VirtualPort, peer: NodeKey, at now: Clocks) -> Bool {
        guard let rule = profile.exposed.first(where: { $0.service.name == service && $0.service.port == port }) else {
            return false
        }
        return mayReach(rule, peer: peer, at: now)
    }

    /// Whether a trust with `peer` stands now.
    package func isTrusted(_ peer: NodeKey, at now: Clocks) -> Bool { standing(of: peer, at: now).isMutual }

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
            guard !isGuest(peer), isTrusted(peer, at: now) else { return [.answerPeer(id, .refused)] }
            return [.answerPeer(id, .services(services(for: peer, at: now)))]
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
        case .services(let command):
            guard case .services(let services) = answer else {
                let hint = "see `postern peers`, and `postern doctor` on both sides"
                let error = Problem(code: "no-answer", message: "the peer does not answer", hint: hint)
                return [.fail(command, error)]
            }
            return [.answer(command, .array(services.map(\.document)))]
        case nil:
            return []
        }
    }

    /// Asks the sidecar of the peer called `name` what it offers us; the command is answered with its list.
    package mutating func askServices(of name: PeerName, id: CommandID, at now: Clocks) -> [SidecarAction] {
        switch find(name, at: now) {
        case .trusted(let peer):
            let request = nextPeerRequest(.services(id))
            return want(peer, at: now) + [.peerRequest(request, peer: peer, .services)]
        case .notTrusted(let peer, let hint):
            let message = "there is no trust with \(displayName(of: peer))"
            return [.fail(id, Problem(code: "not-trusted", message: message, hint: hint))]
        case .ambiguous(let dids): return [.fail(id, .ambiguousPeer(name, dids))]
        case .unknown: return [.fail(id, .unknownPeer(name))]
        }
    }

    /// The services that `peer` may use, and no others (R8).
    private func services(for peer: NodeKey, at now: Clocks) -> [Service] {
        profile.exposed.filter { mayReach($0, peer: peer, at: now) }.map(\.service)
    }

    private func mayReach(_ rule: ExposedRule, peer: NodeKey, at now: Clocks) -> Bool {
        guard book.trust.mayUse(rule.service.name, peer: peer, at: now.wall) else { return false }
        return rule.allow.contains { allowed in
            switch allowed {
            case .trusted: true
            case .peer(let name): find(name, at: now) == .trusted(peer)
            }
        }
    }
}
