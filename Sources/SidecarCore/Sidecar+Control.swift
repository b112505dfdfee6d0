package import OverlayWire
package import TrustCore

// What peers may reach, and what they may ask on the control port.
extension Sidecar {
    /// Whether `peer` may use the exposed `service` at `port` now: a trust stands, our grant names the service, and an
    /// `allow` rule of the configuration admits the peer. All three, at every stream (S5).
    package func mayReach(service: String, port: VirtualPort, peer: NodeKey, at now: Moment) -> Bool {
        guard let rule = profile.exposed.first(where: { $0.service == service && $0.port == port }) else {
            return false
        }
        return mayReach(rule, peer: peer, at: now)
    }

    /// Whether a trust with `peer` stands now.
    package func isTrusted(_ peer: NodeKey, at now: Moment) -> Bool { standing(of: peer, at: now).isMutual }

    /// Answers what `peer` asked on the control port. A guest may redeem its invitation and nothing else.
    package mutating func receive(
        _ document: JSONValue,
        id: PeerRequestID,
        from peer: NodeKey,
        at now: Moment
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

    /// Asks `text`'s sidecar what it offers us; the command is answered with its list.
    package mutating func askServices(of text: String, id: CommandID, at now: Moment) -> [SidecarAction] {
        switch find(text, at: now) {
        case .trusted(let peer):
            let request = nextRequest(.services(id))
            return want(peer, at: now) + [.peerRequest(request, peer: peer, ["do": "services"])]
        case .notTrusted(let peer, let hint):
            let message = "there is no trust with \(displayName(of: peer))"
            return [.fail(id, OperatorError(code: "not-trusted", message: message, hint: hint))]
        case .ambiguous(let dids): return [.fail(id, .ambiguousPeer(text, dids))]
        case .unknown: return [.fail(id, .unknownPeer(text))]
        }
    }

    /// The services that `peer` may use, and no others (R8).
    private func servicesDocument(for peer: NodeKey, at now: Moment) -> JSONValue {
        let rules = profile.exposed.filter { mayReach($0, peer: peer, at: now) }
        return .array(
            rules.map { rule in
                [
                    "service": .string(rule.service), "port": .integer(Int64(rule.port.rawValue)),
                    "kind": .string(rule.kind),
                ]
            }
        )
    }

    private func mayReach(_ rule: ExposedRule, peer: NodeKey, at now: Moment) -> Bool {
        guard book.trust.mayUse(rule.service, peer: peer, at: now.wall) else { return false }
        return rule.allow.contains { allowed in
            switch allowed {
            case .trusted: true
            case .peer(let text): find(text, at: now) == .trusted(peer)
            case .network, .group: false
            }
        }
    }
}
