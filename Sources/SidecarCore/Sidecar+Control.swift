package import PosternModel
import TrustCore

// What peers may ask on the control port.
extension Sidecar {
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
                        let services = policy.services(for: subject(peer, at: now))
            return [.answerPeer(id, ["ok": true, "services": JSONValue(encoding: services)])]
        case _:
            return [.answerPeer(id, refusal)]
        }
    }
}
