import PosternModel
import TrustCore

// Which hubs are used. Our own have their places. Those that others name are tried only while there is something to ask
// there, and then with a few packets: a record must not make this node knock at strangers' doors.
extension Sidecar {
    /// Takes up the hubs in use and lets go of the others.
    mutating func reconcileHubs(at now: Clocks) -> [SidecarAction] {
        let urls = hubsInUse(at: now)
        let used = Set(urls.map(\.key))
        var actions = hubs.links.keys.filter { !used.contains($0) }.sorted().flatMap { release(hub: $0) }
        let ours = Set((homeHubs + networkHubs).map(\.key))
        for url in urls {
            let isOurs = ours.contains(url.key)
            if let link = hubs[url.key] {
                hubs[url.key]?.isOurs = isOurs
                // Where we were on a visit we move in.
                if isOurs, !link.isOurs {
                    hubs[url.key]?.registered = nil
                    actions += register()
                }
                // Where our own configuration says that a hub moved, it is believed; a peer is not.
                guard link.url != url, isOurs else { continue }
                hubs[url.key]?.url = url
            } else {
                let retry = isOurs ? settings.hubRetry : settings.foreignHubRetry
                hubs[url.key] = HubLinks.Link(
                    url: url,
                    isOurs: isOurs,
                    work: TokenBucket(at: now.instant),
                    nextAttempt: now.instant,
                    retry: retry
                )
                // One of somebody else is admitted for each attempt alone.
                guard isOurs else { continue }
            }
            actions.append(.admitHub(url))
        }
        return actions + connectHubs(at: now)
    }

    /// Tries hubs that are down, less and less often, and leaves alone those of others that do not answer.
    mutating func connectHubs(at now: Clocks) -> [SidecarAction] {
        var actions: [SidecarAction] = []
        for (key, link) in hubs.links.filter({ !$0.value.isUp }).sorted(by: { $0.key < $1.key }) {
            if let end = link.attemptEnds, end <= now.instant, !link.isOurs {
                hubs[key]?.attemptEnds = nil
                actions.append(.dropHub(key))
            }
            guard link.nextAttempt <= now.instant else { continue }
            hubs[key]?.nextAttempt = now.instant + link.retry
            if link.isOurs {
                hubs[key]?.retry = min(link.retry * 2, settings.hubRetryMaximum)
                actions.append(.connect(key))
            } else {
                hubs[key]?.retry = min(link.retry * 2, settings.foreignHubRetryMaximum)
                hubs[key]?.attemptEnds = now.instant + settings.foreignHubPatience
                actions += [.admitHub(link.url), .connect(key)]
            }
        }
        return actions
    }

    /// Somebody wants `peer` anew: its hubs are tried soon.
    mutating func hasten(hubsOf peer: NodeKey, at now: Clocks) {
        for url in book.relationships[peer]?.hubs ?? [] {
            guard let link = hubs[url.key], !link.isOurs, !link.isUp else { continue }
            hubs[url.key]?.retry = settings.foreignHubRetry
            hubs[url.key]?.nextAttempt = min(link.nextAttempt, now.instant + settings.foreignHubRetry)
        }
    }

    /// A hub is used no longer.
    mutating func release(hub: NodeKey) -> [SidecarAction] {
        guard hubs[hub] != nil else { return [] }
        let others = forgetRelays(at: hub)
        dropRequests(to: hub)
        hubs[hub] = nil
        return others + [.dropHub(hub)]
    }

    /// The hubs that have a place, the most important first: our own; those of peers that somebody wants or talks with;
    /// those where an invitation or a message of ours waits.
    private func hubsInUse(at now: Clocks) -> [HubURL] {
        var urls = homeHubs + networkHubs
        for peer in peersToMeet(at: now) {
            let told = peers[peer].homes.prefix(settings.peerHubCount)
            urls += told + (book.relationships[peer]?.hubs ?? []).prefix(settings.peerHubCount)
        }
        urls += book.joining.values.flatMap(\.invitation.hubs).sorted { $0.description < $1.description }
        urls += book.outbox.values.flatMap(\.hubs).sorted { $0.description < $1.description }
        var seen: Set<NodeKey> = []
        let admissible = urls.filter { !isKnownOtherwise($0.key) && seen.insert($0.key).inserted }
        return Array(admissible.prefix(settings.hubCount))
    }

    /// Whether `key` is ours, a peer's or a guest's: none of them is a hub, whoever says so.
    private func isKnownOtherwise(_ key: NodeKey) -> Bool {
        key == self.key || peers[key].admittedSecret != nil || isGuest(key)
    }

    /// The peers that are met at their own hubs, those wanted last first. Whoever has no hub is met there itself.
    private func peersToMeet(at now: Clocks) -> [NodeKey] {
        let inUse = peers.links.filter { $0.value.isConnected || $0.value.isWanted(at: now, settings) }.keys
        let met = homeHubs.isEmpty ? Array(peers.admitted) : inUse.filter { peers.isAdmitted($0) }
        let never = Instant(nanoseconds: 0)
        return met.map { (key: $0, wanted: peers.links[$0]?.wanted ?? never) }
            .sorted { ($1.wanted, $0.key) < ($0.wanted, $1.key) }.map(\.key)
    }

    /// Whether `peer` is the key of a hub of our own, with which there can be no trust.
    func isOwnHub(_ peer: NodeKey) -> Bool { (homeHubs + networkHubs).contains { $0.key == peer } }
}

extension PeerLinks.Link {
    /// Whether somebody needed the peer not long ago.
    func isWanted(at now: Clocks, _ settings: SidecarSettings) -> Bool {
        wanted.map { now.instant - $0 < settings.wantedLifetime } ?? false
    }
}
