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
        _ document: JSONValue,
        id: PeerRequestID,
        from peer: NodeKey,
        at now: Clocks
    ) -> [SidecarAction] {
        let refusal: JSONValue = ["ok": false, "error": ["code": "refused", "message": "this cannot be asked"]]
        if isGuest(peer) {
            guard document["do"] == "redeem", let text = document["claim"]?.string,
                let sealed = Base64URL.decode(text),
                case .claim(let claim)? = try? Mail(opening: sealed, with: identity),
                claim.invitation == guests[peer]
            else { return [.answerPeer(id, refusal)] }
            let (answer, actions) = claimed(claim, at: now)
            guard let answer else { return actions + [.answerPeer(id, refusal)] }
            return actions + [.answerPeer(id, ["ok": true, "answer": .string(Base64URL.encode(answer))])]
        }
        guard isTrusted(peer, at: now) else { return [.answerPeer(id, refusal)] }
        switch document["do"]?.string {
        case "services":
            return [.answerPeer(id, ["ok": true, "services": servicesDocument(for: peer, at: now)])]
        case _:
            return [.answerPeer(id, refusal)]
        }
    }

    /// Asks the sidecar of the peer called `name` what it offers us; the command is answered with its list.
    package mutating func askServices(of name: PeerName, id: CommandID, at now: Clocks) -> [SidecarAction] {
        switch find(name, at: now) {
        case .trusted(let peer):
            let request = nextRequest(.services(id))
            return want(peer, at: now) + [.peerRequest(request, peer: peer, ["do": "services"])]
        case .notTrusted(let peer, let hint):
            let message = "there is no trust with \(displayName(of: peer))"
            return [.fail(id, Problem(code: "not-trusted", message: message, hint: hint))]
        case .ambiguous(let dids): return [.fail(id, .ambiguousPeer(name, dids))]
        case .unknown: return [.fail(id, .unknownPeer(name))]
        }
    }

    /// The services that `peer` may use, and no others (R8).
    private func servicesDocument(for peer: NodeKey, at now: Clocks) -> JSONValue {
        let rules = profile.exposed.filter { mayReach($0, peer: peer, at: now) }
        return .array(rules.map(\.service.document))
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
