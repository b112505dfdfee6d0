import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// Members by certificate (RULES N8): whoever an authority of the network has signed for, for a while.
extension Sidecar {
    /// Takes part in a network by certificate, or goes on to do so by one that lasts longer.
    mutating func enterNetwork(
        _ link: CredentialLink,
        called alias: String?,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let credential = link.credential
        guard credential.subject == key else { throw .badCertificate("it is for \(credential.subject.did)") }
        guard now.wall < credential.until else { throw .badCertificate("it ended at \(credential.until)") }
        guard let content = link.contentKey(openedBy: identity) else { throw .badCertificate("it is damaged") }
        let known = book.networks[credential.network]
        if let known, known.isListed(key) { return [.answer(id, networkDocument(of: known, at: now.wall))] }
        let name = alias ?? known?.name ?? link.name
        if known?.name != name { try checkFree(name) }
        if known == nil { try checkLabel(of: credential.network) }
        let facts: [NetworkFact] = [
            .named(credential.network, name), .certified(link), .keyed(credential.network, content),
        ]
        let written = record(facts.map { .network($0) })
        book.networks.lapse(at: now.wall)
        guard let network = book.networks[credential.network] else {
            preconditionFailure("a network that was named is there")
        }
        // What a hub said before, it said to somebody without this certificate.
        for hub in network.hubs {
            networkLinks[network.id].synced.remove(hub.key)
            networkLinks[network.id].shown.remove(hub.key)
        }
        return [written] + begin(.enter, in: network, for: id, at: now)
    }

    /// Takes those of `credentials` that make `subject` a member now.
    mutating func take(
        _ credentials: [NetworkCredential],
        of subject: NodeKey,
        at now: Clocks
    ) -> [SidecarAction] {
        let news = credentials.filter { credential in
            credential.subject == subject && subject != key
                && book.networks[credential.network]?.contains(key) == true
                && book.networks.show(credential, at: now.wall)
        }
        guard !news.isEmpty else { return [] }
        let events = news.map { credential in
            let event = AuditEvent(
                .memberCertified,
                actor: credential.authority,
                subject: subject.did,
                network: credential.network.description,
                new: ["until": .time(credential.until)]
            )
            return SidecarAction.audit(event)
        }
        return events + reconcile(subject, at: now) + [.reviewAccess]
    }

    /// Shows a hub what makes us a member, and learns who else is one by certificate.
    mutating func show(_ credential: NetworkCredential?, in id: NetworkID, to hub: NodeKey) -> SidecarAction {
        .hubRequest(nextHubRequest(.show(id, hub: hub)), hub: hub, .show(credential, in: id))
    }

    /// Asks a hub once in a session who is a member by certificate, where the log knows of authorities.
    mutating func askWhoElse(in id: NetworkID, at hub: NodeKey) -> [SidecarAction] {
        guard let network = book.networks[id], network.isListed(key), !networkLinks[id].shown.contains(hub),
            network.log?.state.authorities.isEmpty == false
        else { return [] }
        networkLinks[id].shown.insert(hub)
        return [show(nil, in: id, to: hub)]
    }

    /// A hub was shown our certificate.
    mutating func shown(_ answer: HubAnswer?, in id: NetworkID, to hub: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard let network = book.networks[id], !network.isListed(key), network.certificate != nil else { return [] }
        networkLinks[id].isReading = false
        switch answer {
        case .done:
            networkLinks[id].shown.insert(hub)
            return ask(hub, of: network)
        case .refused(.unknown):
            networkLinks[id].synced.insert(hub)
            let reason = "the hub knows no such network, or it has ended, was voided or lasts too long"
            let why = Problem.badCertificate(reason)
            let failed = networkLinks.forget(id).compactMap(\.command).map { SidecarAction.fail($0, why) }
            return failed + (network.log == nil ? [record([.network(.forgotten(id))])] : [])
        case .registered, .revocations, .online, .offline, .away, .entries, .appended, .boxed, .refused, nil:
            networkLinks.retry = now.instant + settings.networkRetry
            return []
        }
    }

    /// A fellow member or a hub gave us the content key, sealed to us.
    mutating func learn(_ key: ContentKey?, of id: NetworkID) -> [SidecarAction] {
        guard let network = book.networks[id], let state = network.log?.state, network.keys[state.key] == nil,
            let key, NetworkHash(bytes: key.hash) == state.key, let log = network.log
        else { return [] }
        var keys = network.keys
        keys.add(key)
        _ = keys.learn(from: log.entries, as: [identity])
        let facts = keys.all.filter { !network.keys.all.contains($0) }.map { TrustFact.network(.keyed(id, $0)) }
        return [record(facts), .reviewAccess]
    }

    /// What an authority needs away from here.
    func answer(
        _ command: CommandID,
        with authority: GuestSeed,
        for groups: [String],
        _ lifetime: Interval,
        of network: Memberships.Membership,
        at head: NetworkHead
    ) -> SidecarAction {
        guard let key = network.log.flatMap({ network.keys[$0.state.key] }) else {
            return .fail(command, .networkKeyMissing(network.name))
        }
        let token = NetworkAuthority(
            network: network.id,
            name: network.name,
            hubs: network.hubs,
            head: head,
            groups: groups,
            lifetime: lifetime,
            seed: authority.seed,
            key: key
        ).token
        let answer = AddAuthority.Answer(
            authority: token,
            did: authority.key,
            groups: groups,
            lifetimeMs: lifetime.nanoseconds / 1_000_000
        )
        return .answer(command, answer)
    }

    /// Makes a new key an authority of a network.
    mutating func authorize(
        in name: String,
        groups: [String],
        lifetime: Interval,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let network = try joinedNetwork(named: name)
        for group in groups where !HostName.isLowercaseLabel(group) { throw .invalidNetworkName(group) }
        guard groups.count <= NetworkLimits.authorityGroups else { throw .overLimit("groups of an authority") }
        guard lifetime > .zero, lifetime <= .milliseconds(NetworkLimits.credential) else {
            throw .notAccepted("\(lifetime)", meaning: "a lifetime of at most 24 hours")
        }
        let seed = random.secretBytes(32)
        guard let identity = try? NodeIdentity(seed: seed) else { preconditionFailure("a seed has 32 bytes") }
        let authority = GuestSeed(seed: seed, key: identity.key)
        return begin(.authorize(authority, groups: groups, lifetime: lifetime), in: network, for: id, at: now)
    }
}

extension Memberships.Membership {
    /// Who gets the new content key when `subject` is cut off: members and guests.
    func readers(without subject: NodeKey, at now: Timestamp) -> [NodeKey] {
        guard let state = log?.state else { return [] }
        let listed = state.members.keys.filter { $0 != subject && state.contains($0, at: now) }.sorted()
        let others = certified.subtracting([subject]).sorted()
        return listed + state.guests + others
    }

    /// Whether `key` may be a member by certificate, and by nothing else.
    func isCertifiable(_ key: NodeKey) -> Bool {
        guard let state = log?.state, !state.contains(key) else { return false }
        return certified.contains(key) || !state.authorities.isEmpty
    }
}

extension Problem {
    static func badCertificate(_ why: String) -> Problem {
        Problem(
            code: "bad-certificate",
            message: "the certificate cannot be used: \(why)",
            hint: "ask for another: `postern network certify` with our did, where the authority is kept"
        )
    }
}
