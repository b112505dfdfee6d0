import OverlayCrypto
import OverlayWire
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
        // What it says after it has changed its key stands in the records of that.
        if let keys = grant.record.succession, keys.keeps(told), book.follows(keys) { return ([], []) }
        return remember(told, of: peer)
    }

    /// The same for what `peer` tells itself.
    private func remember(_ told: KeyCommitment, of peer: NodeKey) -> (facts: [TrustFact], events: [SidecarAction]) {
        guard let known = book.commitments[peer] else {
            let event = AuditEvent(.keyCommitted, actor: peer, subject: peer.did, new: told.json)
            return ([.committed(told, by: peer)], [.audit(event)])
        }
        guard told != known, told != book.contradictions[peer] else { return ([], []) }
        let event = AuditEvent(.keyContradicted, actor: peer, subject: peer.did, old: known.json, new: told.json)
        return ([.contradicted(told, by: peer)], [.audit(event)])
    }

    /// What somebody tells of the keys of `peer`: it counts when it goes on from what is known and keeps the word that
    /// the peer gave. Then the peer is met with its new key alone, and whoever has a session with the old one is cut.
    mutating func learn(_ told: NodeChain?, of peer: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard let told, told.first == peer, peer != key, knows(peer) else { return [] }
        if let known = book.successions[peer], known.extends(told) { return [] }
        guard told.isChanged || book.successions[peer] != nil else {
            let (facts, events) = remember(told.latest.next, of: peer)
            return facts.isEmpty ? [] : [record(facts)] + events
        }
        guard book.follows(told) else { return contradicted(by: told) }
        let (old, new) = (book.currentKey(of: peer), told.current)
        let event = AuditEvent(.keyChanged, actor: peer, subject: peer.did, old: Self.text(old), new: Self.text(new))
        let written = [record([.succeeded(told)]), .audit(event)]
        let link = peers[peer]
        guard link.admittedSecret != nil else { return written }
        peers[peer].admittedSecret = nil
        peers[peer].isConnected = false
        let again: [SidecarAction] = link.isConnected || link.wanted != nil ? [.connect(peer)] : []
        return written + [.expel(peer, .restarted)] + reconcile(peer, at: now) + relays(of: peer) + again
    }

    /// Whether what `record` says may be said by its signer: with the key that it has now, or one behind that which
    /// keeps its word. Whoever has stolen an earlier key is not heard.
    mutating func hear(_ record: SignedRecord, at now: Clocks) -> (isHeard: Bool, actions: [SidecarAction]) {
        let signer = record.signer
        guard let told = record.succession else { return (book.successions[signer] == nil, []) }
        if book.follows(told) { return (true, learn(told, of: signer, at: now)) }
        if let known = book.successions[signer], known.extends(told) { return (false, []) }
        return (false, knows(signer) ? contradicted(by: told) : [])
    }

    /// Our own key has changed since this state was last used.
    mutating func noteOwnKeys() -> [SidecarAction] {
        guard let records, records.isChanged, book.successions[key] != records, book.follows(records) else { return [] }
        let (old, new) = (Self.text(book.currentKey(of: key)), Self.text(records.current))
        let event = AuditEvent(.keyChanged, actor: key, subject: key.did, old: old, new: new)
        return [record([.succeeded(records)]), .audit(event)]
    }

    /// Tells `peer`, whose session has come to stand, which key we have, since it may have asked for a former one; and
    /// a fellow member that has no grant of ours which one comes next.
    mutating func tellKeys(to peer: NodeKey) -> [SidecarAction] {
        guard let keys = records, keys.isChanged || book.relationships[peer] == nil else { return [] }
        return [.peerRequest(nextPeerRequest(.keys(peer)), peer: peer, .keys(keys))]
    }

    private mutating func contradicted(by keys: NodeChain) -> [SidecarAction] {
        let (peer, told) = (keys.first, keys.latest.next)
        guard book.contradictions[peer] != told else { return [] }
        let known = book.successions[peer]?.latest.next ?? book.commitments[peer]
        let event = AuditEvent(
            .keyContradicted,
            actor: peer,
            subject: peer.did,
            old: known?.json ?? .null,
            new: told.json
        )
        return [record([.contradicted(told, by: peer)]), .audit(event)]
    }

    /// Whether there is anything between `peer` and us.
    private func knows(_ peer: NodeKey) -> Bool {
        book.relationships[peer] != nil || book.hasOpenOffer(to: peer) || isFellow(peer)
    }

    /// The overlay has forgotten the ways to a peer that it was told to forget.
    private func relays(of peer: NodeKey) -> [SidecarAction] {
        peers[peer].relays.sorted { $0.key < $1.key }.map { .setRelay(peer, hub: $0.key, $0.value) }
    }

    private static func text(_ key: NodeKey) -> JSONValue { ["key": .string(key.did)] }

    /// The trusted peers that have contradicted themselves about their next key.
    func contradictingPeers(at now: Clocks) -> [NodeKey] {
        book.contradictions.keys.filter { standing(of: $0, at: now).isMutual }.sorted()
    }
}
