import OverlayCrypto
import PosternModel
import TrustCore

// Entries that came from a hub, a fellow member, or of our own: each is checked by the reducer before it counts.
extension Sidecar {
    /// Takes those of `entries` that are valid where they stand, and does what follows from them. Costs what they do,
    /// however long the log is, as long as it is one line.
    /// `key`: the content key that came with them, if one did.
    mutating func take(
        _ entries: [NetworkEntry],
        of id: NetworkID,
        with key: ContentKey? = nil,
        at now: Clocks
    ) -> [SidecarAction] {
        guard let (facts, new, isLine) = news(in: entries, of: id, with: key),
            let former = book.networks[id]?.standing(of: self.key)
        else { return [] }
        let written = [record(facts.map { .network($0) })] + audits(of: new, of: id, over: former)
        let lapsed = lapseMemberships(at: now)
        // Whoever has just come in knows no words of owners and administrators yet.
        let isNewcomer = !former.isMember && book.networks[id]?.contains(self.key) == true
        let asked = isNewcomer ? (book.networks[id]?.hubs.map(\.key) ?? []).filter { hubs[$0]?.isWatched == true } : []
        let concerned = new.flatMap { [$0.header.actor, $0.header.change.subject].compactMap(\.self) }
        let isSettled = isLine && former.isMember && book.networks[id]?.contains(self.key) == true
        let reconciled = isSettled ? reconcilePeers(among: Set(concerned), at: now) : reconcilePeers(at: now)
        return written + lapsed + reconciled + reconcileHubs(at: now) + [.reviewAccess]
            + asked.map { tell($0, of: id) } + beat(at: now) + reviewFreshness(at: now)
            + reconcilePublications(at: now)
    }

    /// What is new and valid in `entries`, whether it goes on where the one line ends, and the facts that come of it;
    /// nil: nothing is.
    private func news(
        in entries: [NetworkEntry],
        of id: NetworkID,
        with key: ContentKey?
    ) -> (facts: [NetworkFact], entries: [NetworkEntry], isLine: Bool)? {
        guard let network = book.networks[id] else { return nil }
        let line = network.log?.news(in: entries)
        let new = line ?? Self.news(in: entries, for: network)
        guard !new.isEmpty else { return nil }
        let learned = newKeys(in: new, goingOn: line != nil, of: network, with: key).map { NetworkFact.keyed(id, $0) }
        let told = NetworkFact.entries(id, new)
        return (network.isReadable ? learned + [told] : [told] + learned, new, line != nil)
    }

    /// Those of `entries` that are news and valid, wherever in the log they stand.
    private static func news(in entries: [NetworkEntry], for network: Memberships.Membership) -> [NetworkEntry] {
        var log = network.log
        var new: [NetworkEntry] = []
        for entry in entries {
            guard log != nil else {
                guard NetworkID(entry.hash) == network.id, let begun = try? NetworkLog(entry) else { break }
                log = begun
                new.append(entry)
                continue
            }
            guard let isNew = try? log?.insert(entry) else { break }
            if isNew { new.append(entry) }
        }
        return new
    }

    /// The content keys that `new` bring us, which are about to be in the log; `isLine`: they go on where it ends.
    /// `offered` came with them, and counts if they name it.
    private func newKeys(
        in new: [NetworkEntry],
        goingOn isLine: Bool,
        of network: Memberships.Membership,
        with offered: ContentKey?
    ) -> [ContentKey] {
        let readers = [identity] + [network.invitation?.guest].compactMap(\.self)
        var keys = network.keys
        let named = new.compactMap { entry in
            if case .rekey(let key) = entry.header.change { key } else { nil }
        }
        let isOffered = offered.flatMap { NetworkHash(bytes: $0.hash) }.map { named.contains($0) } ?? false
        if isOffered, let offered { keys.add(offered) }
        if let state = network.log?.state, isLine {
            // Where the new entries bring none, the old ones do not either.
            guard keys.learn(from: new, under: state.key, as: readers) || isOffered else { return [] }
        }
        let known = Set(network.keys.all)
        // Who could read all before needs the old entries for nothing.
        if isLine, network.isReadable { return keys.all.filter { !known.contains($0) } }
        if let log = network.log {
            _ = keys.learn(from: [AnySequence(log.entries), AnySequence(new)].joined(), as: readers)
        } else {
            _ = keys.learn(from: new, as: readers)
        }
        return keys.all.filter { !known.contains($0) }
    }

    /// What the audit trail says of `entries`: of those that a newcomer reads, its own alone.
    private func audits(
        of entries: [NetworkEntry],
        of id: NetworkID,
        over former: Memberships.Standing
    ) -> [SidecarAction] {
        let told =
            former.isMember
            ? entries : entries.filter { $0.header.actor == key || $0.header.change.subject == key }
        var events = told.map { entry in
            let fields = entry.header.document
            return AuditEvent(
                .networkChanged,
                actor: entry.header.actor,
                subject: entry.header.change.subject?.did ?? id.description,
                network: id.description,
                old: fields["old"] ?? .null,
                new: [
                    "action": .string(entry.header.change.action), "role": fields["role"] ?? .null,
                    "sequence": .integer(entry.header.sequence), "hash": .string(entry.hash.description),
                ]
            )
        }
        if let log = book.networks[id]?.log, log.isForked, !former.isForked {
            let heads = JSONValue.texts(log.heads.map(\.hash))
            let event = AuditEvent(
                .networkForked,
                actor: key,
                subject: id.description,
                network: id.description,
                new: ["heads": heads]
            )
            events.append(event)
        }
        return events.map { .audit($0) }
    }

    /// `task` is done: its command is answered.
    mutating func complete(_ task: NetworkTask, at now: Clocks) -> [SidecarAction] {
        guard let network = book.networks[task.network] else { return [] }
        switch task.work {
        case .leave:
            let document = networkDocument(of: network, at: now.wall)
            let forgotten = record([.network(.forgotten(network.id))])
            let ended = networkLinks.forget(network.id)
            let failed = ended.compactMap { $0.command }.map { SidecarAction.fail($0, .notMember(network.name)) }
            let told = task.command.map { [SidecarAction.answer($0, document)] } ?? []
            return [forgotten] + failed + reconcilePeers(at: now) + reconcileHubs(at: now) + told
        case .invite(let guest, let uses, let expires, _):
            guard let command = task.command, let head = task.entries.last?.place else { return [] }
            let invitation = NetworkInvitation(
                network: network.id,
                name: network.name,
                hubs: network.hubs,
                head: head,
                expires: expires,
                seed: guest.seed
            )
            let answer = InviteToNetwork.Answer(invitation: invitation, expires: expires, uses: Int(uses))
            return [.answer(command, answer)]
        case .add(let member, _, _):
            let head = task.entries.last?.place
            return (head.map { notify(member, of: network, at: $0, now: now) } ?? [])
                + answer(task, with: network, at: now)
        case .heal:
            guard network.log?.isForked == true else { return answer(task, with: network, at: now) }
            return task.command.map { [.fail($0, .stillForked(network.name))] } ?? []
        case .authorize(let authority, let groups, let lifetime):
            guard let command = task.command, let head = task.entries.last?.place else { return [] }
            return [answer(command, with: authority, for: groups, lifetime, of: network, at: head)]
        case .restore, .join, .enter, .remove, .expire, .unauthorize, .role, .transfer, .name, .group, .policy,
            .publish:
            return answer(task, with: network, at: now)
        }
    }

    /// `task` has failed: its command is told so, and of what it had begun nothing stays. A network of which nobody but
    /// this node has heard was not founded, and one of which nothing has come was not joined.
    mutating func fail(_ task: NetworkTask, _ problem: Problem, at now: Clocks) -> [SidecarAction] {
        guard let command = task.command else { return [] }
        let failed = SidecarAction.fail(command, problem)
        guard let network = book.networks[task.network], task.isFirst(in: network) else { return [failed] }
        let others = networkLinks.forget(network.id).compactMap(\.command).map { SidecarAction.fail($0, problem) }
        let event = AuditEvent(
            .networkChanged,
            actor: key,
            subject: network.id.description,
            network: network.id.description,
            new: ["action": "forgotten"]
        )
        let forgotten = [record([.network(.forgotten(network.id))])] + (network.log == nil ? [] : [.audit(event)])
        return forgotten + reconcilePeers(at: now) + reconcileHubs(at: now) + [.reviewAccess, failed] + others
    }

    private func answer(_ task: NetworkTask, with network: Memberships.Membership, at now: Clocks) -> [SidecarAction] {
        task.command.map { [.answer($0, networkDocument(of: network, at: now.wall))] } ?? []
    }
}

extension NetworkTask {
    /// Whether it founds the network, or lets this node in without anything of it having come.
    fileprivate func isFirst(in network: Memberships.Membership) -> Bool {
        switch work {
        case .restore: true
        case .join: network.log == nil
        case .enter, .leave, .add, .expire, .authorize, .unauthorize, .heal, .remove, .role, .transfer, .name, .group,
            .policy, .publish, .invite:
            false
        }
    }
}
