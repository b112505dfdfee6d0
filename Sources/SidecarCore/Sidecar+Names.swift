import OverlayCrypto
package import PosternModel
import TrustCore

/// What a name of a peer turned out to mean.
package enum PeerFinding: Hashable, Sendable {
    /// A peer that we may talk with: a trust stands, or both are in a network.
    case reachable(NodeKey)
    /// A key with which no trust stands; the hint says why and what to do.
    case notTrusted(NodeKey, hint: String)
    /// More than one peer has this address.
    case ambiguous([String])
    /// It is known, or was, by a network alone, and our membership there or its own is over.
    case over(why: String, hint: String)
    /// Nobody is known by it; the hint says what to do.
    case unknown(hint: String)
}

// Names: did, address, petname, petname with the overlay's suffix, agent:// URI. A petname means the key to which this
// operator bound it. What a peer calls itself is a claim and identifies nobody (S3).
extension Sidecar {
    /// What `name` means, and whether we may talk with it.
    package func find(_ name: PeerName, at now: Clocks) -> PeerFinding {
        let keys = candidates(for: name)
        guard keys.count <= 1 else { return .ambiguous(keys.map(\.did)) }
        guard let key = keys.first else {
            guard case .name(let text) = name.meaning, let (why, hint) = absence(named: text) else {
                return .unknown(hint: hint(forUnknown: name))
            }
            return .over(why: why, hint: hint)
        }
        guard !isAdmissible(key, at: now) else { return .reachable(key) }
        if !isKnownByTrust(key), let (why, hint) = absence(of: key) { return .over(why: why, hint: hint) }
        return .notTrusted(key, hint: hint(for: key, at: now))
    }

    /// The peer that `name` means, with which we may talk.
    func trusted(_ name: PeerName, at now: Clocks) throws(Problem) -> NodeKey {
        switch find(name, at: now) {
        case .reachable(let key): return key
        case .notTrusted(_, let hint):
            let hint = question(about: name) + hint
            throw Problem(code: "not-trusted", message: "there is no trust with \(name)", hint: hint)
        case .ambiguous(let dids): throw .ambiguousPeer(name, dids)
        case .over(let why, let hint): throw Problem(code: "membership-over", message: why, hint: hint)
        case .unknown(let hint): throw .unknownPeer(name, hint: question(about: name) + hint)
        }
    }

    /// The key that `name` names, which must be somebody that we know.
    func known(_ name: PeerName) throws(Problem) -> NodeKey {
        let key = try anyKey(named: name)
        let isKnown = knownKeys.contains(key) || book.names[key] != nil
        guard isKnown else { throw .unknownPeer(name, hint: question(about: name) + hint(forUnknown: name)) }
        return key
    }

    /// The one key that `name` names, known or not.
    func anyKey(named name: PeerName) throws(Problem) -> NodeKey {
        let keys = candidates(for: name)
        guard keys.count <= 1 else { throw .ambiguousPeer(name, keys.map(\.did)) }
        guard let found = keys.first else {
            throw .unknownPeer(name, hint: question(about: name) + hint(forUnknown: name))
        }
        guard found != key else { throw .itself }
        return found
    }

    /// The name under which messages speak of `peer`: the one that is bound to it, else its did.
    package func displayName(of peer: NodeKey) -> String { name(of: peer) ?? peer.did }

    /// The name that is bound to `peer`: by this operator, else in a network that both are in.
    package func name(of peer: NodeKey) -> String? {
        book.names[peer] ?? fellowMemberships(of: peer).lazy.compactMap(\.name).first
    }

    /// What `peer` calls itself; nil when it has not said so yet.
    func claims(of peer: NodeKey) -> String? {
        if let relationship = book.relationships[peer] { return relationship.claims }
        if let pending = book.pending.values.first(where: { $0.request.asker == peer }) { return pending.request.name }
        return book.joining.values.first { $0.invitation.inviter == peer }?.invitation.name
    }

    /// The keys that `name` may mean.
    func candidates(for name: PeerName) -> [NodeKey] {
        switch name.meaning {
        case .key(let key): [key]
        case .address(let address): keys(at: address)
        case .name(let text): (book.key(named: text) ?? member(named: text)).map { [$0] } ?? []
        }
    }

    /// Whether there is, was, or is to be a trust with `key`, or it is shut out.
    private func isKnownByTrust(_ key: NodeKey) -> Bool {
        book.relationships[key] != nil || book.blocked.contains(key)
            || book.outgoing.values.contains { $0.target == key }
            || book.pending.values.contains { $0.request.asker == key }
    }

    var knownKeys: Set<NodeKey> {
        var keys = Set(book.relationships.keys)
        keys.formUnion(book.pending.values.map(\.request.asker))
        keys.formUnion(book.outgoing.values.map(\.target))
        keys.formUnion(book.blocked)
        keys.formUnion(book.joining.values.map(\.invitation.inviter))
        keys.formUnion(book.networks.fellows)
        return keys
    }

    /// The peers that call themselves `name` and have no name here.
    func claimants(of name: String) -> [NodeKey] {
        (book.claimants[name] ?? []).filter { book.names[$0] == nil }.sorted()
    }

    private func hint(forUnknown name: PeerName) -> String {
        guard case .name(let text) = name.meaning else {
            return "see `postern peers` for the peers that are known"
        }
        if ["did", "peer"].contains(text) {
            return "write a peer's did:key or name in the place of \(text.uppercased()): `postern peers` shows them"
        }
        if let dot = text.lastIndex(of: ".") {
            let (label, network) = (text[..<dot], String(text[text.index(after: dot)...]))
            guard book.networks.network(named: network) != nil else {
                return "no network \(network) is joined here: see `postern network list`"
            }
            return "`postern network show \(network)` lists the members, and "
                + "`postern network name \(network) DID \(label)` names one of them so"
        }
        let claimants = claimants(of: text)
        guard !claimants.isEmpty else {
            return "no peer was given this name: name it by its did:key, or bind the name: `postern name DID \(text)`"
        }
        let dids = claimants.map(\.did).joined(separator: " and ")
        return "\(dids) \(claimants.count == 1 ? "claims" : "claim") to be it, which proves nothing: "
            + "if you know that it is, `postern name DID \(text)` binds the name"
    }

    /// Asks whether somebody else was meant, whose did or name is nearly `name`; empty: nobody's is. It walks over all
    /// that are known, so it is for people's commands, not for their programs' connections.
    private func question(about name: PeerName) -> String {
        let known: [String]
        let text: String
        switch name.meaning {
        case .key(let key): (text, known) = (key.did, knownKeys.subtracting([key]).map(\.did))
        case .name(let word): (text, known) = (word, book.names.values.filter { $0 != word })
        case .address: return ""
        }
        return Suggestion.nearest(to: text, among: known).map { "did you mean \($0)? " } ?? ""
    }

    func hint(for key: NodeKey, at now: Clocks) -> String {
        if book.blocked.contains(key) { return "it is shut out here: `postern block --remove \(key.did)`" }
        if let pending = book.pending.values.first(where: { $0.request.asker == key }) {
            return "it has asked for trust: `postern trust approve \(pending.request.id)`"
        }
        if book.outgoing.values.contains(where: { $0.target == key }) {
            return "it has not answered our request yet: see `postern trust list`"
        }
        switch standing(of: key, at: now) {
        case .given where book.relationships[key] != nil:
            return "it has ended the trust: ask again with `postern trust request`"
        case .received:
            return "this side has ended the trust, or its grant has expired: `postern trust request` renews it"
        case .none, .given, .mutual: return "ask for its trust: `postern trust request \(key.did)`"
        }
    }
}

// Binding names, which only the operator does.
extension Sidecar {
    /// `name` as it can be bound to `peer`; throws when it is none, or another peer's.
    func bindable(_ name: String, to peer: NodeKey?) throws(Problem) -> String {
        guard HostName.isLowercaseLabel(name), !Self.reservedNames.contains(name) else { throw .invalidName(name) }
        if let owner = book.key(named: name), owner != peer { throw .nameTaken(name, by: owner) }
        guard book.names.count < settings.nameCount || peer.map({ book.names[$0] != nil }) == true else {
            throw .overLimit("names of peers")
        }
        return name
    }

    /// The name that comes with `invitation` as far as it is free: none when its inviter has one already.
    func offeredName(by invitation: Invitation) -> String? {
        guard book.names[invitation.inviter] == nil, let name = HostName.label(from: invitation.name) else {
            return nil
        }
        return try? bindable(name, to: invitation.inviter)
    }

    /// What binds `name` to `peer` for good; nothing when there is none, or it has become another peer's meanwhile.
    func binding(_ name: String?, to peer: NodeKey) -> (facts: [TrustFact], events: [SidecarAction]) {
        guard let name, book.names[peer] != name, book.key(named: name) == nil else { return ([], []) }
        let old: JSONValue = book.names[peer].map { .string($0) } ?? .null
        let event = AuditEvent(.renamed, actor: key, subject: peer.did, old: old, new: .string(name))
        return ([.bound(name, to: peer)], [.audit(event)])
    }

    /// What of the configuration means whoever has `name`.
    func uses(ofName name: String?, seeing view: any SidecarView) -> [String] {
        guard let name else { return [] }
        return namesInUse(seeing: view)[name] ?? []
    }

    /// The names in the configuration that are bound to nobody, and what waits for them.
    func unboundNames(seeing view: any SidecarView) -> [StatusDocument.UnboundName] {
        let unbound = namesInUse(seeing: view).filter {
            book.key(named: $0.key) == nil && member(named: $0.key) == nil
        }
        return unbound.sorted { $0.key < $1.key }.map { name, uses in
            StatusDocument.UnboundName(name: name, uses: uses, claimedBy: claimants(of: name))
        }
    }

    private func namesInUse(seeing view: any SidecarView) -> [String: [String]] {
        var uses: [String: [String]] = [:]
        for port in view.localPorts {
            guard case .name(let name) = port.peer.meaning else { continue }
            uses[name, default: []].append("reach \(port.listen)")
        }
        for rule in profile.exposed {
            for case .peer(let peer) in rule.allow {
                guard case .name(let name) = peer.meaning else { continue }
                uses[name, default: []].append("allow on \(rule.service.name)")
            }
        }
        for rule in profile.accept {
            for case .known(.peer(let peer)) in rule.from {
                guard case .name(let name) = peer.meaning else { continue }
                uses[name, default: []].append("trust.accept")
            }
        }
        return uses
    }

    /// What an `allow` rule means by itself.
    static let reservedNames: Set<String> = ["trusted", "anyone", "did", "network", "group"]
}
