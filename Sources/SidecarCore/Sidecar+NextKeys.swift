import PosternModel
import TrustCore

// Which key comes after a peer's own, by its first word (RULES N11).
extension Sidecar {
    /// What `grant`, which is being accepted, says of its giver's next key. The first word is remembered for good. A
    /// later one that differs comes from somebody who has the key and not the one that follows it, or from a node that
    /// has lost its records: it is recorded and told to the operator, and the first one counts on.
    func remember(commitmentIn grant: Grant) -> (facts: [TrustFact], events: [SidecarAction]) {
        guard let told = grant.commitment else { return ([], []) }
        let peer = grant.giver
        guard let known = book.commitments[peer] else {
            let event = AuditEvent(.keyCommitted, actor: peer, subject: peer.did, new: told.json)
            return ([.committed(told, by: peer)], [.audit(event)])
        }
        guard told != known, told != book.contradictions[peer] else { return ([], []) }
        let event = AuditEvent(.keyContradicted, actor: peer, subject: peer.did, old: known.json, new: told.json)
        return ([.contradicted(told, by: peer)], [.audit(event)])
    }

    /// The trusted peers that have contradicted themselves about their next key.
    func contradictingPeers(at now: Clocks) -> [NodeKey] {
        book.contradictions.keys.filter { standing(of: $0, at: now).isMutual }.sorted()
    }
}
