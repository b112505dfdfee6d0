import HubProtocol
import OverlayCrypto
import OverlayWire
package import PosternModel
import TrustCore

/// Registry, rendezvous and switchboard of relayed conversations: what a hub decides, without any input or output.
///
/// Every request comes from a node whose key the session has proved. The hub knows who is registered, who watches, what
/// waits in mailboxes and which revocations stand; it learns neither addresses nor contents, and nobody can enumerate
/// it: a lookup needs the target's signed grant, and without one the answer is that for a node that does not exist.
///
/// When the store throws, the method throws and nothing has happened; the shell answers ``HubAnswer/unavailable``.
package struct Hub<Store: HubStore> {
    /// What the hub keeps; the shell wraps calls of the hub into its transactions.
    package private(set) var store: Store
    /// Whose key the hub has; the actor of what it does by itself.
    package let key: NodeKey
    let settings: HubSettings
    private var watchers: Set<NodeKey> = []
    private var relays = RelayTable()
    private var awaited = AwaitedPeers()
    private var requestRates: RateTable
    private var depositRates: RateTable

    /// The hub with `key` over what `store` holds; nobody watches yet.
    package init(key: NodeKey, store: Store, settings: HubSettings = .defaults) {
        self.key = key
        self.store = store
        self.settings = settings
        requestRates = RateTable(limit: settings.requests, capacity: settings.rateCount)
        depositRates = RateTable(limit: settings.deposits, capacity: settings.rateCount)
    }

    /// Nodes that watch now.
    package var watcherCount: Int { watchers.count }
    /// Conversations that are relayed now.
    package var bridgeCount: Int { relays.count }

    /// Takes the request `document` that `node` made; the result begins or ends with its answer.
    package mutating func receive(
        _ document: JSONValue,
        id: HubRequestID,
        from node: NodeKey,
        at now: Clocks
    ) throws -> [HubAction] {
        guard requestRates.take(node, at: now.instant) else { return [.answer(id, HubAnswer.overLimit)] }
        let request: HubRequest
        do {
            request = try HubRequest(document)
        } catch {
            return [.answer(id, HubAnswer.invalid(error))]
        }
        switch request {
        case .register(let name):
            return try register(name, id: id, from: node, at: now.wall)
        case .deregister:
            return try deregister(id: id, from: node)
        case .deposit(let target, let sealed):
            return try deposit(sealed, for: target, id: id, from: node, at: now)
        case .acknowledge(let ids):
            try store.removeMail(ids, of: node)
            return [.answer(id, HubAnswer.done)]
        case .resolve(let target, let grant):
            return try resolve(target, grant: grant, id: id, from: node, at: now.wall)
        case .release(let channel):
            return close(RelayTable.End(node: node, channel: channel)) + [.answer(id, HubAnswer.done)]
        case .revoke(let revocation):
            return try revoke(revocation, id: id, from: node)
        }
    }

    /// `node` watches from now on; a watch that it had before is over, with all its conversations. It is given its
    /// mail, and whoever waited for it is connected.
    package mutating func watchOpened(by node: NodeKey, at now: Timestamp) throws -> [HubAction] {
        let mail = try store.mail(for: node)
        var actions = closeAll(of: node)
        watchers.insert(node)
        actions += mail.map { .push(node, .mail(id: $0.id, sealed: $0.sealed)) }
        actions.append(.push(node, .ready))
        for waiting in awaited.remove(target: node) where watchers.contains(waiting.requester) {
            guard try isValid(waiting.grant, of: node, for: waiting.requester, at: now) else { continue }
            guard let (channel, opened) = open(from: waiting.requester, to: node) else { continue }
            actions += opened
            actions.append(.push(waiting.requester, .channel(channel, peer: node)))
        }
        return actions
    }

    /// The watch of `node` ended, or the session with it did: it is away.
    package mutating func watchClosed(by node: NodeKey) -> [HubAction] {
        guard watchers.remove(node) != nil else { return [] }
        awaited.remove(requester: node)
        let actions = closeAll(of: node)
        relays.forgetNumbers(of: node)
        return actions
    }

    /// Removes what has waited too long; to be called now and then.
    package mutating func tidy(at now: Timestamp) throws {
        let age = Interval(nanoseconds: -settings.mailLifetime.nanoseconds)
        try store.removeMail(before: now + age)
    }
}

// Registration and mail.
extension Hub {
    private mutating func register(
        _ name: String,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp
    ) throws -> [HubAction] {
        let known = try store.registration(of: node)
        if known == nil, try store.registrationCount() >= settings.nodeCount {
            return [.answer(id, HubAnswer.overLimit)]
        }
        let name = PlainText.clean(name, limit: RecordLimits.name)
        let answer: JSONValue = [
            "ok": true, "did": .string(node.did), "address": .string(node.personalAddress.description),
            "time": .time(now),
        ]
        guard known?.name != name else { return [.answer(id, answer)] }
        _ = try store.register(Registration(key: node, name: name, registered: known?.registered ?? now))
        let event = AuditEvent(
            .registered,
            actor: node,
            subject: node.did,
            old: known.map { ["name": .string($0.name)] } ?? .null,
            new: ["name": .string(name), "address": .string(node.personalAddress.description)]
        )
        return [.audit(event), .answer(id, answer)]
    }

    private mutating func deregister(id: HubRequestID, from node: NodeKey) throws -> [HubAction] {
        guard let known = try store.deregister(node) else { return [.answer(id, HubAnswer.done)] }
        let old: JSONValue = ["name": .string(known.name)]
        let event = AuditEvent(.deregistered, actor: node, subject: node.did, old: old)
        return closeAll(of: node) + [.audit(event), .answer(id, HubAnswer.done)]
    }

    /// The answer never depends on the target, and the same work is done for every target (R9).
    private mutating func deposit(
        _ sealed: [UInt8],
        for target: NodeKey,
        id: HubRequestID,
        from node: NodeKey,
        at now: Clocks
    ) throws -> [HubAction] {
        guard depositRates.take(node, at: now.instant) else { return [.answer(id, HubAnswer.overLimit)] }
        let mail = StoredMail(id: RecordID(ofBytes: sealed), sealed: sealed, deposited: now.wall)
        let isNew = try store.deposit(mail, for: target, limit: settings.mailboxCount, total: settings.mailCount)
        let answer = HubAction.answer(id, HubAnswer.done)
        return isNew && watchers.contains(target)
            ? [answer, .push(target, .mail(id: mail.id, sealed: sealed))] : [answer]
    }
}

// Rendezvous and relay.
extension Hub {
    private mutating func resolve(
        _ target: NodeKey,
        grant: Grant,
        id: HubRequestID,
        from node: NodeKey,
        at now: Timestamp
    ) throws -> [HubAction] {
        guard watchers.contains(node) else { return [.answer(id, HubAnswer.notWatching)] }
        let isRegistered = try store.registration(of: target) != nil
        guard try isValid(grant, of: target, for: node, at: now), isRegistered else {
            // The log names who asked but not after whom: the pair is nobody's business.
            let event = AuditEvent(.accessRefused, actor: node, subject: "resolve")
            return [.audit(event), .answer(id, HubAnswer.unknown)]
        }
        guard watchers.contains(target) else {
            awaited.add(requester: node, grant: grant, limit: settings.awaitedCount)
            return [.answer(id, HubAnswer.offline)]
        }
        if let channel = relays.channel(of: node, with: target) {
            return [.answer(id, HubAnswer.online(channel))]
        }
        guard let (channel, opened) = open(from: node, to: target) else {
            return [.answer(id, HubAnswer.overLimit)]
        }
        return opened + [.answer(id, HubAnswer.online(channel))]
    }

    private mutating func revoke(_ revocation: Revocation, id: HubRequestID, from node: NodeKey) throws -> [HubAction] {
        guard revocation.giver == node else { return [.answer(id, HubAnswer.invalid(.invalid("revocation")))] }
        try store.revoke(
            giver: node,
            subject: revocation.subject,
            until: revocation.issued,
            limit: settings.revocationCount
        )
        awaited.remove(requester: revocation.subject, target: node)
        var actions: [HubAction] = []
        if let channel = relays.channel(of: node, with: revocation.subject) {
            actions = close(RelayTable.End(node: node, channel: channel))
        }
        let until: JSONValue = ["until": .time(revocation.issued)]
        let event = AuditEvent(.trustRevoked, actor: node, subject: revocation.subject.did, new: until)
        return actions + [.audit(event), .answer(id, HubAnswer.done)]
    }

    /// Whether `grant` lets `requester` look `target` up: given by the target to the requester, not ended, not revoked.
    private func isValid(
        _ grant: Grant,
        of target: NodeKey,
        for requester: NodeKey,
        at now: Timestamp
    ) throws -> Bool {
        let voidUntil = try store.voidUntil(giver: target, subject: requester)
        guard grant.giver == target, grant.subject == requester, !grant.isExpired(at: now) else { return false }
        return voidUntil.map { $0 < grant.issued } ?? true
    }

    /// Opens a conversation and tells the target. Returns the requester's channel, or nil when a bound is met.
    private mutating func open(from node: NodeKey, to target: NodeKey) -> (RelayChannel, [HubAction])? {
        if let channel = relays.channel(of: node, with: target) { return (channel, []) }
        guard relays.count < settings.bridgeCount else { return nil }
        guard relays.count(of: node) < settings.channelCount, relays.count(of: target) < settings.channelCount else {
            return nil
        }
        let ends = relays.open(node, target)
        let told = HubAction.push(target, .channel(ends.b.channel, peer: node))
        return (ends.a.channel, [.bridge(node, ends.a.channel, target, ends.b.channel), told])
    }

    private mutating func close(_ end: RelayTable.End) -> [HubAction] {
        guard let other = relays.close(end) else { return [] }
        return [
            .unbridge(end.node, end.channel),
            .push(end.node, .closed(end.channel)),
            .push(other.node, .closed(other.channel)),
        ]
    }

    private mutating func closeAll(of node: NodeKey) -> [HubAction] {
        relays.ends(of: node).flatMap { close($0) }
    }
}
