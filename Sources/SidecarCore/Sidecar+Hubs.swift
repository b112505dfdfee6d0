package import HubProtocol
import OverlayCrypto
package import PosternModel
import TrustCore

// The dialogue with hubs.
extension Sidecar {
    /// A session with a hub came to stand or was lost.
    package mutating func hubSession(_ hub: NodeKey, isUp: Bool, at now: Clocks) -> [SidecarAction] {
        // An attempt to reach a hub of somebody else ends without a word.
        guard var link = hubs[hub], isUp || link.isUp || link.isOurs else { return [] }
        link.isUp = isUp
        link.isSilent = false
        link.hasFailed = !isUp
        link.attemptEnds = nil
        link.isWatched = false
        link.isOpening = false
        link.isSuperseded = false
        link.registered = nil
        link.keepsMarks = true
        link.isDraining = false
        link.nextAttempt = now.instant + settings.hubRetry
        link.retry = link.isOurs ? settings.hubRetry : settings.foreignHubRetry
        hubs[hub] = link
        let others = forgetRelays(at: hub)
        guard isUp else {
            dropRequests(to: hub)
            return others
        }
        outboxRetry = nil
        return others + register() + openWatch(hub) + deliverOutbox(at: now)
    }

    /// A hub with a session does not answer, or does again.
    package mutating func hubSession(_ hub: NodeKey, isSilent: Bool) -> [SidecarAction] {
        hubs[hub]?.isSilent = isSilent
        return []
    }

    /// The event stream of a hub ended although the session stands.
    package mutating func watchEnded(_ hub: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard hubs[hub]?.isUp == true else { return [] }
        hubs[hub]?.isWatched = false
        hubs[hub]?.isOpening = false
        // It may have lost what it knew.
        hubs[hub]?.registered = nil
        networkLinks.forget(hub)
        let others = forgetRelays(at: hub)
        return others + register() + openWatch(hub)
    }

    /// A hub knows who has changed its key once that has registered.
    private mutating func openWatch(_ hub: NodeKey, hasAnswered: Bool = false) -> [SidecarAction] {
        guard identity.succession.isEmpty || hasAnswered, let link = hubs[hub], !link.isOpening,
            !link.isSuperseded
        else { return [] }
        hubs[hub]?.isOpening = true
        return [.openWatch(hub)]
    }

    /// An event of a hub.
    package mutating func receive(_ event: HubEvent, from hub: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard hubs[hub] != nil else { return [] }
        switch event {
        case .ready:
            hubs[hub]?.isWatched = true
            let joined = book.networks.joined.filter { $0.hubs.contains { $0.key == hub } }
            return lookUpWanted(at: now) + syncNetworks(at: now) + joined.map { tell(hub, of: $0.id) }
        case .hubs(let others, let store, let isDraining):
            return told(of: others, store: store, isDraining: isDraining, by: hub, at: now)
        case .network(let id, let head):
            return told(of: head, of: id, by: hub, at: now)
        case .beat(let beat):
            return told(beat, by: hub, at: now)
        case .mail(let id, let sealed, let mailClass):
            guard let actions = receive(mail: sealed, as: mailClass, at: now) else {
                hubs[hub]?.withheld = book.pending.count
                return []
            }
            return actions + [.hubRequest(nextHubRequest(.acknowledge), hub: hub, .acknowledge([id]))]
        case .credential(let credential):
            return take([credential], of: credential.subject, at: now)
        case .channel(let channel, let peer, let credential, let keys):
            return take([credential].compactMap(\.self), of: peer, at: now) + learn(keys, of: peer, at: now)
                + relayOpened(channel, for: peer, at: hub, now: now)
        case .closed(let channel):
            let ended = peers.links.filter { $0.value.relays[hub] == channel }.keys
            for peer in ended {
                peers[peer].relays[hub] = nil
            }
            let others = ended.flatMap { [.clearRelay($0, hub: hub, channel)] + anotherRelay(for: $0) }
            return others + lookUpWanted(at: now)
        }
    }

    /// A hub answered; nil: the stream or the session ended without an answer that can be read.
    package mutating func hubAnswered(
        _ id: SidecarRequestID,
        _ answer: HubAnswer?,
        at now: Clocks
    ) -> [SidecarAction] {
        switch hubRequests.removeValue(forKey: id) {
        case .acknowledge, .refusal, .work, nil: return []
        case .register(let hub, let contacts):
            return registered(answer, at: hub, contacts, now: now) + openWatch(hub, hasAnswered: true)
        case .mark(let hub, let sequence):
            if answer == .done { marked(hub, sequence) }
            if case .refused(.invalid) = answer { hubs[hub]?.keepsMarks = false }
            return []
        case .read(let network, let hub): return read(answer, of: network, at: hub, now: now)
        case .show(let network, let hub): return shown(answer, in: network, to: hub, at: now)
        case .append(let network, let hub): return appended(answer, to: network, at: hub, now: now)
        case .box(let network, let key, let hub): return boxed(answer, of: key, in: network, at: hub, now: now)
        case .recall(let hub):
            guard case .revocations(let revocations) = answer else { return recalled(nil, by: hub, at: now) }
            return recalled(revocations, by: hub, at: now)
        case .outbox(let entry, let hub):
            switch answer {
            // What a hub finds invalid it will find invalid again.
            case .done, .refused(.invalid):
                return delivered(entry, at: hub) + deliverOutbox(at: now) + leaveMarks(at: now)
            case .refused(.workNeeded(let bits, let hour)):
                return work(on: entry, for: hub, bits: bits, hour: hour, at: now)
            case .registered, .online, .offline, .away, .revocations, .entries, .appended, .boxed, .refused, nil:
                return retryLater(after: answer, at: now)
            }
        case .resolve(let hub, let peer):
            switch answer {
            case .online(let channel, let keys):
                return learn(keys, of: peer, at: now) + relayOpened(channel, for: peer, at: hub, now: now)
            case .offline:
                peers[peer].awaitedAt.insert(hub)
                return []
            case .away(let homes):
                // It may be there now; so the hub that was asked need not be where it comes next.
                guard peers[peer].homes != homes else { return [] }
                peers[peer].homes = homes
                return reconcileHubs(at: now)
            case .done, .registered, .revocations, .entries, .appended, .boxed, .refused, nil:
                return []
            }
        }
    }

    private mutating func registered(
        _ answer: HubAnswer?,
        at hub: NodeKey,
        _ contacts: [RecordID],
        now: Clocks
    ) -> [SidecarAction] {
        switch answer {
        case .registered(_, _, let time, let mark):
            hubs[hub]?.clockAhead = time - now.wall
            let sequence = mark.flatMap { $0.node == key ? $0.head.sequence : nil }
            hubs[hub]?.marked = sequence ?? 0
            return registered(at: hub, contacts) + told(mark, by: hub, at: now) + leaveMarks(at: now)
        case .done: return registered(at: hub, contacts)
        case .refused(.full), .refused(.closed), .refused(.superseded):
            hubs[hub]?.isFull = answer == .refused(.full)
            hubs[hub]?.isClosed = answer != .refused(.full)
            return retryLater(after: answer, at: now) + (answer == .refused(.superseded) ? superseded(at: hub) : [])
        case .online, .offline, .away, .revocations, .entries, .appended, .boxed, .refused, nil:
            return retryLater(after: answer, at: now)
        }
    }

    /// The hub knows another key of this node: this is an old copy of it, or a thief's.
    private mutating func superseded(at hub: NodeKey) -> [SidecarAction] {
        guard hubs[hub]?.isSuperseded == false else { return [] }
        hubs[hub]?.isSuperseded = true
        return [.audit(AuditEvent(.keyRefused, actor: hub, subject: key.did))]
    }

    /// What a hub did not take is offered again after a while; soon, when its store was away.
    private mutating func retryLater(after answer: HubAnswer?, at now: Clocks) -> [SidecarAction] {
        let isShort = answer == .refused(.unavailable)
        outboxRetry = now.instant + (isShort ? settings.storeRetry : settings.hubRetryMaximum)
        return []
    }

    private mutating func registered(at hub: NodeKey, _ contacts: [RecordID]) -> [SidecarAction] {
        hubs[hub]?.registered = contacts
        hubs[hub]?.isFull = false
        hubs[hub]?.isClosed = false
        // The contact cards may have changed meanwhile.
        return register()
    }

    /// Registers where that is still to be done; where our contact cards have changed it is.
    mutating func register() -> [SidecarAction] {
        var registering: Set<NodeKey> = []
        for case .register(let hub, _) in hubRequests.values { registering.insert(hub) }
        return hubs.up.compactMap { hub in
            // Who knows of our cards knows our own hubs.
            guard let link = hubs[hub], !registering.contains(hub) else { return nil }
            let contacts = link.isOurs ? self.contacts : []
            guard link.registered != contacts else { return nil }
            let id = nextHubRequest(.register(hub: hub, contacts: contacts))
            let request: HubRequest =
                link.isOurs ? .register(contacts: contacts, keys: records) : .visit(keys: records)
            return .hubRequest(id, hub: hub, request)
        }
    }

    mutating func dropRequests(to hub: NodeKey) {
        networkLinks.forget(hub)
        hubRequests = hubRequests.filter { _, purpose in
            switch purpose {
            case .register(let other, _), .outbox(_, let other), .work(_, let other), .resolve(let other, _),
                .refusal(let other), .mark(let other, _), .recall(let other), .read(_, let other),
                .append(_, let other), .show(_, let other), .box(_, _, let other):
                other != hub
            case .acknowledge: true
            }
        }
    }

    /// The conversations at `hub` are over. The overlay, which has one relay for a peer at a time, is told of another
    /// where there is one.
    mutating func forgetRelays(at hub: NodeKey) -> [SidecarAction] {
        peers.links.keys.sorted().flatMap { peer in
            let wasRelayed = peers[peer].relays.removeValue(forKey: hub) != nil
            peers[peer].asked[hub] = nil
            peers[peer].awaitedAt.remove(hub)
            return wasRelayed ? anotherRelay(for: peer) : []
        }
    }

    private func anotherRelay(for peer: NodeKey) -> [SidecarAction] {
        peers[peer].relays.min { $0.key < $1.key }.map { [.setRelay(peer, hub: $0.key, $0.value)] } ?? []
    }
}
