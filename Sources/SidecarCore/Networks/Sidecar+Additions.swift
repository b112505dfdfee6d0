import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// Members that an owner or administrator adds, and memberships that end by themselves.
extension Sidecar {
    /// Makes a peer a member and tells it so; of a member it changes when its membership ends.
    mutating func addMember(
        _ peer: PeerName,
        to name: String,
        called label: String?,
        expires: AddMember.Expiry,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        let network = try joinedNetwork(named: name)
        let end: Timestamp? =
            switch expires {
            case .after(let lifetime): (now.wall + lifetime).inMilliseconds
            case .never, .unchanged: nil
            }
        if case .name(let text) = peer.meaning, let member = network.content?.names[text] {
            return try renew(member, in: network, until: end, expires, id: id, at: now)
        }
        let subject = try anyKey(named: peer)
        guard network.log?.state.contains(subject) != true else {
            return try renew(subject, in: network, until: end, expires, id: id, at: now)
        }
        guard isAdmissible(subject, at: now) else { throw .cannotAdd(peer.description, to: name) }
        let taken = network.content?.names ?? [:]
        if let label { try Self.check(label, for: subject, in: network) }
        let known = [book.names[subject], claims(of: subject).flatMap { HostName.label(from: $0) }]
        let free = known.compactMap(\.self).first { HostName.isLowercaseLabel($0) && taken[$0] == nil }
        return begin(.add(subject, label: label ?? free, expires: end), in: network, for: id, at: now)
    }

    /// Whether `member` can be called `label` in `network`.
    static func check(
        _ label: String,
        for member: NodeKey,
        in network: Memberships.Membership
    ) throws(Problem) {
        guard HostName.isLowercaseLabel(label), !reservedNames.contains(label) else {
            throw .invalidNetworkName(label)
        }
        guard let holder = network.holder(of: label), holder != member else { return }
        throw .labelTaken(label, network.name, by: holder)
    }

    private mutating func renew(
        _ member: NodeKey,
        in network: Memberships.Membership,
        until end: Timestamp?,
        _ expires: AddMember.Expiry,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        guard expires != .unchanged || network.lapsed.contains(member) else {
            throw .memberAlready(displayName(of: member), network.name)
        }
        return begin(.expire(member, at: end), in: network, for: id, at: now)
    }

    /// Tells `member` that it is a member of `network` from the entry at `head` on.
    mutating func notify(
        _ member: NodeKey,
        of network: Memberships.Membership,
        at head: NetworkHead,
        now: Clocks
    ) -> [SidecarAction] {
        let notice = NetworkNotice(
            from: identity,
            to: member,
            network: network.id,
            name: network.name,
            hubs: network.hubs,
            head: head
        )
        guard let sealed = try? Mail.notice(notice).sealed(using: random, keys: book.successions) else { return [] }
        let facts = outboxEntry(
            .deposit(target: member, sealed: sealed, evidence: evidence(towards: member, at: now)),
            at: (book.relationships[member]?.hubs ?? []) + network.hubs + profile.hubs,
            until: now.wall + settings.requestLifetime
        )
        return [record(facts)] + reconcileHubs(at: now) + deliverOutbox(at: now)
    }

    /// Somebody says that we are a member of a network: it counts of whoever we talk with, and opens nothing until the
    /// operator joins (S3).
    mutating func noticed(_ notice: NetworkNotice, at now: Clocks) -> [SidecarAction] {
        guard isAdmissible(notice.giver, at: now), book.networks[notice.network] == nil,
            book.networks.notices[notice.network] != notice,
            book.networks.notices.count < settings.networkCount || book.networks.notices[notice.network] != nil
        else { return [] }
        let event = AuditEvent(
            .networkOffered,
            actor: notice.giver,
            subject: notice.network.description,
            network: notice.network.description,
            new: ["name": .string(notice.name)]
        )
        return [record([.network(.noticed(notice))]), .audit(event)]
    }

    /// Joins the network to which somebody has added us, by the name that its giver uses, or by its id.
    mutating func acceptNotice(
        _ offer: String,
        called alias: String?,
        id: CommandID,
        at now: Clocks
    ) throws(Problem) -> [SidecarAction] {
        if let known = book.networks.network(named: offer), known.contains(key) {
            return [.answer(id, networkDocument(of: known, at: now.wall))]
        }
        let notices = book.networks.notices.values.filter { $0.name == offer || $0.network.description == offer }
        guard let notice = notices.first else { throw .noNetworkOffer(offer) }
        guard notices.count == 1 else { throw .ambiguousOffer(offer, notices.map(\.network.description).sorted()) }
        let name = alias ?? notice.name
        try checkFree(name)
        try checkLabel(of: notice.network)
        let facts: [NetworkFact] = [.named(notice.network, name), .accepted(notice)]
        let written = record(facts.map { .network($0) })
        guard let network = book.networks[notice.network] else {
            preconditionFailure("a network that was named is there")
        }
        return [written] + begin(.enter, in: network, for: id, at: now)
    }

    /// Leaves a network; one that was not joined is forgotten.
    mutating func leaveNetwork(_ name: String, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let notice = book.networks.notices.values.first { $0.name == name || $0.network.description == name }
        if let notice, book.networks.network(named: name) == nil {
            let document = networkDocument(
                of: Memberships.Membership(id: notice.network, name: notice.name),
                at: now.wall
            )
            return [record([.network(.forgotten(notice.network))]), .answer(id, document)]
        }
        let network = try network(named: name)
        guard network.log?.isForked != true, network.isListed(key) else {
            // Nothing can be written into a forked log: we take part in it no longer, and its owner removes us. Whoever
            // is a member by certificate is in no entry, and whose membership is over writes none.
            let document = networkDocument(of: network, at: now.wall)
            let forgotten = record([.network(.forgotten(network.id))])
            let failed = networkLinks.forget(network.id).compactMap(\.command).map {
                SidecarAction.fail($0, .notMember(network.name))
            }
            return [forgotten] + failed + reconcilePeers(at: now) + reconcileHubs(at: now) + [.answer(id, document)]
        }
        return begin(.leave, in: network, for: id, at: now)
    }

    /// Cuts those off whose membership has ended by itself, and lets those in whose has begun.
    mutating func lapseMemberships(at now: Clocks) -> [SidecarAction] {
        book.networks.lapse(at: now.wall)
        let (ended, changed) = book.networks.takeLapses()
        guard !changed.isEmpty else { return [] }
        let events = ended.map { ended in
            let event = AuditEvent(
                .membershipExpired,
                actor: key,
                subject: ended.member.did,
                network: ended.network.description,
                old: .time(ended.end)
            )
            return SidecarAction.audit(event)
        }
        return events + reconcilePeers(among: changed, at: now) + [.reviewAccess]
    }
}
