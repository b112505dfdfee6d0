import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// Words of owners and administrators: they show what a hub withholds (RULES N5, N6).
extension Sidecar {
    /// Where a word came from.
    enum BeatSource: Hashable, Sendable {
        case hub(NodeKey)
        case fellow(NodeKey)
    }

    /// A hub passes a word on.
    mutating func told(_ beat: NetworkBeat, by hub: NodeKey, at now: Clocks) -> [SidecarAction] {
        take([beat], of: beat.network, from: .hub(hub), at: now)
    }

    /// Takes those of `beats` that are news, and passes on what a fellow member told.
    mutating func take(
        _ beats: [NetworkBeat],
        of id: NetworkID,
        from source: BeatSource,
        at now: Clocks
    ) -> [SidecarAction] {
        guard let network = book.networks[id], let log = network.log, network.contains(key) else { return [] }
        let news = beats.filter { beat in
            beat.network == id && beat.time < now.wall + settings.clockSkew
                && networkLinks[id].keep(beat) { log.state.isLed(by: $0) }
        }
        guard !news.isEmpty else { return [] }
        var actions: [SidecarAction] = [.remember]
        let unknown = news.filter { !log.contains($0.head.hash) && log.state.isLed(by: $0.signer) }
        for beat in unknown where networkLinks[id].missing[beat.head] == nil {
            networkLinks[id].missing[beat.head] = NetworkLinks.Missing(signer: beat.signer, since: now.instant)
        }
        switch source {
        case .hub:
            if !unknown.isEmpty { actions += search(network, log) }
        case .fellow(let peer):
            actions += spread(news, of: network, but: peer)
            if !unknown.isEmpty { actions += search(network, log) }
        }
        return actions + reviewFreshness(at: now)
    }

    /// Signs how far the logs have come, where this node is an owner or administrator and that is due.
    mutating func beat(at now: Clocks) -> [SidecarAction] {
        book.networks.joined.flatMap { network -> [SidecarAction] in
            guard let due = nextBeat(of: network, at: now.wall), due <= now.wall, let log = network.log else {
                return []
            }
            let beat = NetworkBeat(of: identity, for: network.id, at: log.state.head, time: now.wall)
            networkLinks[network.id].forgetBeat(of: key, from: now.wall + NetworkBeat.ownSkew)
            guard networkLinks[network.id].keep(beat, trusted: { log.state.isLed(by: $0) }) else { return [] }
            return [.remember] + spread([beat], of: network, but: nil) + handBoxes(of: network.id)
        }
    }

    /// When the next word of this node is due; nil: it has none to say.
    private func nextBeat(of network: Memberships.Membership, at now: Timestamp) -> Timestamp? {
        guard let log = network.log, !log.isForked, log.state.isLed(by: key) else { return nil }
        // What was signed in the future was signed while this machine's clock was wrong.
        guard let last = networkLinks[network.id].beats[key], last.time < now + NetworkBeat.ownSkew else {
            return Timestamp(nanoseconds: .min)
        }
        guard last.head == log.state.head else { return last.time + settings.beatPause }
        let freshness = network.content?.freshness ?? .defaults
        let patience = min(freshness.warn, freshness.refuse ?? freshness.warn)
        return last.time + min(settings.beatInterval, Interval(nanoseconds: patience.nanoseconds / 3))
    }

    /// When ``beat(at:)`` or ``reviewFreshness(at:)`` has something to do.
    func nextFreshness(at now: Clocks) -> Instant? {
        let beats = book.networks.joined.compactMap { nextBeat(of: $0, at: now.wall) }
        let ends = book.networks.joined.compactMap { network -> Timestamp? in
            guard networkLinks[network.id].wasFresh == true, let content = network.content else { return nil }
            return lastWord(of: network, at: now.wall).map { $0 + content.freshness.warn }
        }
        let times = (beats + ends).map { now.instant + max(.milliseconds(-2), $0 - now.wall) + .milliseconds(1) }
        let missing = book.networks.joined.flatMap { networkLinks[$0.id].missing.values.filter { !$0.isTold } }
        let searches = missing.map { $0.since + settings.networkPatience }
        return (times + searches).min()
    }

    /// Gives `beats` to the hubs of a network, and to the fellow members with a session.
    private mutating func spread(
        _ beats: [NetworkBeat],
        of network: Memberships.Membership,
        but source: NodeKey?
    ) -> [SidecarAction] {
        var actions: [SidecarAction] = []
        for hub in network.hubs.map(\.key) where hubs[hub]?.isWatched == true {
            actions.append(tell(hub, of: network.id))
        }
        guard let log = network.log else { return actions }
        for fellow in network.members.sorted() where fellow != source && fellow != key && peers[fellow].isConnected {
            actions.append(ask(fellow, of: network.id, after: log))
        }
        return actions
    }

    /// Gives a hub the words that we have, and gets those that we lack as events.
    mutating func tell(_ hub: NodeKey, of id: NetworkID) -> SidecarAction {
        let beats = networkLinks[id].beatList
        return .hubRequest(nextHubRequest(.acknowledge), hub: hub, .beat(id, beats))
    }

    /// Asks everybody for what somebody has signed that the log has come to.
    private mutating func search(_ network: Memberships.Membership, _ log: NetworkLog) -> [SidecarAction] {
        var actions: [SidecarAction] = []
        for hub in network.hubs.map(\.key) {
            networkLinks[network.id].synced.remove(hub)
            actions += ask(hub, of: network)
        }
        for fellow in network.members.sorted() where fellow != key && peers[fellow].isConnected {
            actions.append(ask(fellow, of: network.id, after: log))
        }
        return actions
    }
}

// What follows from them.
extension Sidecar {
    /// The time of the newest word of an owner or administrator about entries that we have. What is further in the
    /// future than anybody takes was kept while this machine's clock was wrong, and says nothing.
    func lastWord(of network: Memberships.Membership, at now: Timestamp) -> Timestamp? {
        guard let log = network.log else { return nil }
        return networkLinks[network.id].beats.values.filter { beat in
            let skew = beat.signer == key ? NetworkBeat.ownSkew : settings.clockSkew
            return beat.time < now + skew && log.state.isLed(by: beat.signer) && log.contains(beat.head.hash)
        }.map(\.time).max()
    }

    /// Whether a network admits nobody any longer, because nothing was heard of its owners and administrators.
    func isRefused(_ network: Memberships.Membership, at now: Timestamp) -> Bool {
        guard let refuse = network.content?.freshness.refuse else { return false }
        return lastWord(of: network, at: now).map { now - $0 >= refuse } ?? true
    }

    /// What is wrong with what we know of a network; nil: it is fresh.
    func trouble(with network: Memberships.Membership, at now: Timestamp) -> String? {
        guard let log = network.log, let content = network.content else { return "nothing of its log is known yet" }
        if let absence = network.absence(of: key), absence != .never { return absence.ours(in: network.name) }
        guard network.isCurrent else { return "its log has not come to what the invitation into it names" }
        if log.isForked { return "two histories are known, and only what both say counts" }
        if let missing = networkLinks[network.id].missing.filter(\.value.isTold).keys.max(by: isEarlier) {
            return "an administrator has signed entry \(missing.sequence), which no hub shows"
        }
        guard let word = lastWord(of: network, at: now) else { return "no owner or administrator has been heard of" }
        guard now - word < content.freshness.warn else {
            return "no owner or administrator has been heard of since \(word)"
        }
        return nil
    }

    private func isEarlier(_ head: NetworkHead, _ other: NetworkHead) -> Bool {
        (head.sequence, head.hash) < (other.sequence, other.hash)
    }

    /// Looks at all networks again, and tells what has changed.
    mutating func reviewFreshness(at now: Clocks) -> [SidecarAction] {
        book.networks.joined.flatMap { network -> [SidecarAction] in
            guard let log = network.log else { return [] }
            var actions = tellMissing(of: network, log, at: now)
            let trouble = trouble(with: network, at: now.wall)
            let former = networkLinks[network.id].wasFresh
            networkLinks[network.id].wasFresh = trouble == nil
            if let former, former != (trouble == nil) {
                let event = AuditEvent(
                    .networkFreshness,
                    actor: key,
                    subject: network.id.description,
                    network: network.id.description,
                    old: .string(former ? "fresh" : "stale"),
                    new: .string(trouble ?? "fresh")
                )
                actions.append(.audit(event))
            }
            return actions
        }
    }

    /// What was signed and is still not seen after a while is withheld by somebody.
    private mutating func tellMissing(
        of network: Memberships.Membership,
        _ log: NetworkLog,
        at now: Clocks
    ) -> [SidecarAction] {
        var actions: [SidecarAction] = []
        for (head, missing) in networkLinks[network.id].missing.sorted(by: { isEarlier($0.key, $1.key) }) {
            guard !log.contains(head.hash), !isHealed(head, signedBy: missing.signer, in: network, log) else {
                networkLinks[network.id].missing[head] = nil
                continue
            }
            guard !missing.isTold, now.instant - missing.since >= settings.networkPatience else { continue }
            networkLinks[network.id].missing[head]?.isTold = true
            let event = AuditEvent(
                .networkWithheld,
                actor: missing.signer,
                subject: network.id.description,
                network: network.id.description,
                new: ["sequence": .integer(head.sequence), "hash": .string(head.hash.description)]
            )
            actions.append(.audit(event))
        }
        return actions
    }

    /// Whether a heal has ended the history in which `head` stands, which who holds the other one alone never sees: the
    /// heal names it, or whoever has signed it goes by the healed log since.
    private func isHealed(
        _ head: NetworkHead,
        signedBy signer: NodeKey,
        in network: Memberships.Membership,
        _ log: NetworkLog
    ) -> Bool {
        guard let heal = log.heal, case .heal(let ended) = heal.header.change else { return false }
        if ended.contains(head.hash) { return true }
        guard let word = networkLinks[network.id].beats[signer]?.head, log.contains(word.hash) else { return false }
        return head.sequence <= heal.header.sequence && word.sequence >= heal.header.sequence
    }

    /// A hub shows that a log ends at `head`, nil: that it has nothing of it. With less than it has signed, or
    /// something else, it has gone back: that is told. Nil: it has done so too often to be given again what it lacks
    /// for a while.
    mutating func compareReceipt(
        of hub: NodeKey,
        for id: NetworkID,
        with head: NetworkHead?,
        at now: Clocks
    ) -> [SidecarAction]? {
        guard let signed = networkLinks[id].receipts[hub], signed != head,
            head.map({ $0.sequence <= signed.sequence }) ?? true
        else { return [] }
        guard
            networkLinks[id].rollbacks[hub, default: TokenBucket(at: now.instant)]
                .take(settings.networkRollbacks, at: now.instant)
        else {
            networkLinks[id].synced.remove(hub)
            networkLinks.retry = networkLinks.retry ?? now.instant + settings.networkPatience
            return nil
        }
        networkLinks[id].receipts[hub] = nil
        let shown: JSONValue? = head.map { ["sequence": .integer($0.sequence), "hash": .string($0.hash.description)] }
        let event = AuditEvent(
            .networkRolledBack,
            actor: hub,
            subject: id.description,
            network: id.description,
            old: ["sequence": .integer(signed.sequence), "hash": .string(signed.hash.description)],
            new: shown ?? .null
        )
        return [.audit(event)]
    }
}

extension NetworkState {
    /// Whether `key` is an owner or administrator.
    fileprivate func isLed(by key: NodeKey) -> Bool { role(of: key).map { $0 >= .admin } ?? false }
}

extension NetworkBeat {
    /// How far ahead of our clock our own former word may be; beyond that the clock has been set back.
    fileprivate static let ownSkew = Interval.seconds(60)
}
