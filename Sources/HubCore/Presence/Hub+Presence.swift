import HubProtocol
import OverlayWire
import PosternModel
import TrustCore

// What changes in memory, and the events that follow.
extension Hub {
    mutating func apply(_ change: PresenceChange) -> [HubAction] {
        switch change {
        case .arrive(let node, let mail, let keys, let refused, let now):
            return arrive(node, mail: mail, keys: keys, refused: refused, at: now)
        case .leave(let node):
            return leave(node)
        case .deliver(let mail, let target):
            guard presence.watchers.contains(target) else { return [] }
            return [.push(target, mailEvent(mail, for: target))]
        case .lookUp(let id, let lookUp, let target):
            return self.lookUp(lookUp, id: id, of: target)
        case .announce(let network, let head, let members, let ended, let credentials):
            let closed = ended.flatMap { relays.closeAll(of: $0, by: network) }
            let news = presence.note(credentials, of: network)
            return closed
                + members.filter { presence.watchers.contains($0) }.flatMap { member in
                    [.push(member, .network(network, head))]
                        + news.filter { $0.subject != member }.map { .push(member, .credential($0)) }
                }
        case .beat(let beats, let members):
            for beat in beats { presence.keep(beat, limit: settings.beatCount) }
            return members.filter { presence.watchers.contains($0) }.flatMap { member in
                beats.map { .push(member, .beat($0)) }
            }
        case .release(let node, let channel):
            return relays.close(RelayTable.End(node: node, channel: channel))
        case .closeChannels(let node):
            return relays.closeAll(of: node)
        case .tidy(let now):
            return (refusals.take(by: key).map { [.audit($0)] } ?? []) + relays.closeExpired(at: now)
        case .endTrust(let pair):
            presence.awaited.remove(requester: pair.subject, target: pair.giver)
            guard let channel = relays.channel(of: pair.giver, with: pair.subject) else { return [] }
            return relays.close(RelayTable.End(node: pair.giver, channel: channel))
        }
    }

    private mutating func arrive(
        _ node: NodeKey,
        mail: [StoredMail],
        keys: NodeChain?,
        refused: Set<NodeKey>,
        at now: Timestamp
    ) -> [HubAction] {
        // A node that opens its event stream again has restarted, and knows nothing of its channels.
        var actions = relays.closeAll(of: node)
        presence.watchers.insert(node)
        actions += mail.map { .push(node, mailEvent($0, for: node)) }
        if let event = cluster.event { actions.append(.push(node, event)) }
        actions.append(.push(node, .ready))
        for lookUp in presence.awaited.remove(target: node) {
            let requester = lookUp.requester
            guard presence.watchers.contains(requester), !refused.contains(requester), !lookUp.isExpired(at: now) else {
                continue
            }
            guard let (channel, opened) = relays.open(by: lookUp, within: settings) else { continue }
            actions += opened
            actions.append(.push(requester, .channel(channel, peer: node, keys: keys)))
        }
        return actions
    }

    private mutating func leave(_ node: NodeKey) -> [HubAction] {
        guard presence.watchers.remove(node) != nil else { return [] }
        presence.awaited.remove(requester: node)
        let actions = relays.closeAll(of: node)
        relays.forgetNumbers(of: node)
        return actions
    }

    private mutating func lookUp(_ lookUp: LookUp, id: HubRequestID, of known: LookUp.Target?) -> [HubAction] {
        let (node, target) = (lookUp.requester, lookUp.target)
        guard presence.watchers.contains(node) else { return [.answer(id, .refused(.notWatching))] }
        guard let known else {
            let event = refusals.add(node)
            return (event.map { [.audit($0)] } ?? []) + [.answer(id, .refused(.unknown))]
        }
        guard presence.watchers.contains(target) else {
            presence.awaited.add(lookUp, limit: settings.awaitedCount)
            let places = cluster.places(known.homes)
            return [.answer(id, places.isEmpty ? .offline : .away(homes: places))]
        }
        guard let (channel, opened) = relays.open(by: lookUp, within: settings) else {
            return [.answer(id, .refused(.overLimit))]
        }
        return opened + [.answer(id, .online(channel, keys: known.keys))]
    }

    private func mailEvent(_ mail: StoredMail, for target: NodeKey) -> HubEvent {
        .mail(id: mail.id, sealed: mail.sealed, as: tags.mailClass(of: mail.standing, for: target))
    }
}
