import HubProtocol
import PosternModel
import TrustCore

// Boxes: a network's content key, sealed to each reader. The hub keeps one of each reader beside the log, and cannot
// open it.
extension Hub {
    /// Keeps what an owner or administrator hands out of the content key that the log names, tells those who are here,
    /// and answers who still has none. To whoever is no member the network does not exist.
    func keep(
        _ boxes: [NodeKey: [UInt8]],
        of key: NetworkHash,
        in network: NetworkID,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp,
        over facts: HubFacts
    ) -> HubDecision {
        guard let state = facts.networks[network], state.contains(node, at: now) else {
            return .answer(id, .refused(.unknown))
        }
        guard state.role(of: node).map({ $0 >= .admin }) == true else {
            return .answer(id, .refused(.invalid("boxes are for owners and administrators to hand out")))
        }
        guard state.key == key else { return .answer(id, .refused(.behind)) }
        let readers = state.everybody(at: now) + state.guests
        let known = facts.boxed[HubReads.Boxed(network: network, key: key)] ?? []
        let wanted = Set(readers)
        let kept = boxes.filter { wanted.contains($0.key) }
        // Whoever asks has the key. Each begins elsewhere, so that two of them share the work.
        let lacking = readers.filter { $0 != node && !known.contains($0) && kept[$0] == nil }.sorted()
        let ordered = lacking.drop { $0 < node } + lacking.prefix { $0 < node }
        let answer = HubAction.answer(id, .boxed(lacking: Array(ordered.prefix(HubRequest.boxCount))))
        guard !kept.isEmpty else { return HubDecision(actions: [answer]) }
        return HubDecision(
            writes: [.keepBoxes(network, key, kept)],
            change: .announce(network, state.head, to: kept.keys.sorted(), ended: [], credentials: []),
            actions: [answer]
        )
    }

    /// What `entries`, which led from one state to another, bring and end of boxes.
    func boxWrites(
        of entries: [NetworkEntry],
        since former: NetworkState,
        over state: NetworkState,
        at now: Timestamp
    ) -> [HubWrite] {
        var key = former.key
        var kept: [NodeKey: [UInt8]] = [:]
        var gone: Set<NodeKey> = []
        for entry in entries {
            if case .rekey(let new) = entry.header.change { (key, kept) = (new, [:]) }
            if key == state.key { kept.merge(entry.boxes) { $1 } }
            switch entry.header.change {
            case .remove, .leave, .close, .join:
                gone.formUnion([entry.header.actor, entry.header.change.subject].compactMap(\.self))
            case _: break
            }
        }
        let guests = Set(state.guests)
        let ended = gone.filter { !state.contains($0) && !guests.contains($0) }.sorted()
        let new = kept.filter { !ended.contains($0.key) }
        return (new.isEmpty ? [] : [.keepBoxes(state.id, state.key, new)])
            + (ended.isEmpty ? [] : [.removeBoxes(state.id, of: ended)])
    }
}
