package import HubProtocol
package import PosternModel
import TrustCore

// The dialogue with hubs.
extension Sidecar {
    /// A session with a hub came to stand or was lost.
    package mutating func hubSession(_ hub: NodeKey, isUp: Bool, at now: Clocks) -> [SidecarAction] {
        guard var link = hubs[hub] else { return [] }
        link.isUp = isUp
        link.isWatched = false
        link.registered = nil
        link.nextAttempt = now.instant + settings.hubRetry
        link.retry = settings.hubRetry
        hubs[hub] = link
        forgetRelays(at: hub)
        guard isUp else {
            dropRequests(to: hub)
            return []
        }
        outboxRetry = nil
        return register() + [.openWatch(hub)] + deliverOutbox(at: now)
    }

    /// The event stream of a hub ended although the session stands.
    package mutating func watchEnded(_ hub: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard hubs[hub]?.isUp == true else { return [] }
        hubs[hub]?.isWatched = false
        forgetRelays(at: hub)
        return [.openWatch(hub)]
    }

    /// An event of a hub.
    package mutating func receive(_ event: HubEvent, from hub: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard hubs[hub] != nil else { return [] }
        switch event {
        case .ready:
            hubs[hub]?.isWatched = true
            return lookUpWanted(at: now)
        case .mail(let id, let sealed, _):
            let acknowledgement = nextHubRequest(.acknowledge)
            return receive(mail: sealed, at: now) + [.hubRequest(acknowledgement, hub: hub, .acknowledge([id]))]
        case .channel(let channel, let peer):
            return relayOpened(channel, for: peer, at: hub, now: now)
        case .closed(let channel):
            let ended = peers.links.filter { $0.value.relays[hub] == channel }.keys
            for peer in ended {
                peers[peer].relays[hub] = nil
                peers[peer].asked[hub] = nil
            }
            return ended.map { .clearRelay($0, hub: hub, channel) } + lookUpWanted(at: now)
        }
    }

    /// A hub answered; nil: the stream or the session ended without an answer that can be read.
    package mutating func hubAnswered(
        _ id: SidecarRequestID,
        _ answer: HubAnswer?,
        at now: Clocks
    ) -> [SidecarAction] {
        switch hubRequests.removeValue(forKey: id) {
        case .acknowledge, .refusal, .work, nil:
            return []
        case .register(let hub, let contacts):
            switch answer {
            case .registered, .done:
                hubs[hub]?.registered = contacts
                // The contact cards may have changed meanwhile.
                return register()
            case .online, .offline, .refused, nil:
                outboxRetry = now.instant + settings.hubRetryMaximum
                return []
            }
        case .outbox(let entry, let hub):
            switch answer {
            // What a hub finds invalid it will find invalid again.
            case .done, .refused(.invalid):
                return delivered(entry, at: hub)
            case .refused(.workNeeded(let bits, let hour)):
                return work(on: entry, for: hub, bits: bits, hour: hour, at: now)
            case .registered, .online, .offline, .refused, nil:
                outboxRetry = now.instant + settings.hubRetryMaximum
                return []
            }
        case .resolve(let hub, let peer):
            switch answer {
            case .online(let channel):
                return relayOpened(channel, for: peer, at: hub, now: now)
            case .offline:
                peers[peer].awaitedAt.insert(hub)
                return []
            case .done, .registered, .refused, nil:
                return []
            }
        }
    }

    /// The hubs in use: those of the configuration, of trusted peers, of invitations and of outbox, up to a bound.
    mutating func reconcileHubs(at now: Clocks) -> [SidecarAction] {
        var urls = profile.hubs
        urls += book.joining.values.flatMap(\.invitation.hubs)
        urls += book.outbox.values.flatMap(\.hubs)
        urls += book.relationships.values.filter { standing(of: $0.peer, at: now).isMutual }.flatMap(\.hubs)
        let ours = Set(profile.hubs.map(\.key))
        var actions: [SidecarAction] = []
        for url in urls where url.key != key {
            if let link = hubs[url.key] {
                hubs[url.key]?.isOurs = ours.contains(url.key)
                // Where our own configuration says that a hub moved, it is believed; a peer is not.
                guard link.url != url, profile.hubs.contains(url) else { continue }
                hubs[url.key]?.url = url
            } else {
                guard hubs.links.count < settings.hubCount else { continue }
                hubs[url.key] = HubLinks.Link(
                    url: url,
                    isOurs: ours.contains(url.key),
                    work: TokenBucket(at: now.instant),
                    nextAttempt: now.instant,
                    retry: settings.hubRetry
                )
            }
            actions.append(.admitHub(url))
        }
        let used = Set(urls.map(\.key))
        for key in hubs.links.keys.filter({ !used.contains($0) }).sorted() {
            forgetRelays(at: key)
            dropRequests(to: key)
            hubs[key] = nil
            actions.append(.dropHub(key))
        }
        return actions + connectHubs(at: now)
    }

    /// Tries hubs that are down, less and less often.
    mutating func connectHubs(at now: Clocks) -> [SidecarAction] {
        var actions: [SidecarAction] = []
        let due = hubs.links.filter { !$0.value.isUp && $0.value.nextAttempt <= now.instant }
        for (key, link) in due.sorted(by: { $0.key.did < $1.key.did }) {
            hubs[key]?.nextAttempt = now.instant + link.retry
            hubs[key]?.retry = min(link.retry * 2, settings.hubRetryMaximum)
            actions.append(.connect(key))
        }
        return actions
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
            return .hubRequest(id, hub: hub, .register(contacts: contacts))
        }
    }

    private mutating func dropRequests(to hub: NodeKey) {
        hubRequests = hubRequests.filter { _, purpose in
            switch purpose {
            case .register(let other, _), .outbox(_, let other), .work(_, let other), .resolve(let other, _),
                .refusal(let other):
                other != hub
            case .acknowledge: true
            }
        }
    }

    private mutating func forgetRelays(at hub: NodeKey) {
        for peer in peers.links.keys {
            peers[peer].relays[hub] = nil
            peers[peer].asked[hub] = nil
            peers[peer].awaitedAt.remove(hub)
        }
    }
}
