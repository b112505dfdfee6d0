import OverlayCrypto
package import PosternModel
import TrustCore

/// What a name of a peer turned out to mean.
package enum PeerFinding: Hashable, Sendable {
    /// A peer with which a trust stands.
    case trusted(NodeKey)
    /// A key with which none stands; the hint says why and what to do.
    case notTrusted(NodeKey, hint: String)
    /// More than one peer has this name.
    case ambiguous([String])
    /// Nobody is known by it.
    case unknown
}

// Names: did, address, local name, name with the overlay's suffix, agent:// URI.
extension Sidecar {
    /// What `name` means, and whether it is trusted.
    package func find(_ name: PeerName, at now: Clocks) -> PeerFinding {
        let keys = candidates(for: name)
        guard keys.count <= 1 else { return .ambiguous(keys.map(\.did)) }
        guard let key = keys.first else { return .unknown }
        guard !standing(of: key, at: now).isMutual else { return .trusted(key) }
        return .notTrusted(key, hint: hint(for: key, at: now))
    }

    /// The trusted peer that `name` means.
    func trusted(_ name: PeerName, at now: Clocks) throws(Problem) -> NodeKey {
        switch find(name, at: now) {
        case .trusted(let key): return key
        case .notTrusted(_, let hint):
            throw Problem(code: "not-trusted", message: "there is no trust with \(name)", hint: hint)
        case .ambiguous(let dids): throw .ambiguousPeer(name, dids)
        case .unknown: throw .unknownPeer(name)
        }
    }

    /// The name under which `peer` is shown: its local name, else its did.
    package func displayName(of peer: NodeKey) -> String { book.names[peer] ?? peer.did }

    /// The local name of `peer`, if it has one.
    package func name(of peer: NodeKey) -> String? { book.names[peer] }

    /// The keys that `name` may mean.
    private func candidates(for name: PeerName) -> [NodeKey] {
        switch name.meaning {
        case .key(let key): return [key]
        case .address(let address): return knownKeys.filter { $0.personalAddress == address }
        case .name(let text):
            if let named = book.key(named: text) { return [named] }
            return book.pending.values.filter { HostName.label(from: $0.request.name) == text }.map(\.request.asker)
        }
    }

    private var knownKeys: Set<NodeKey> {
        var keys = Set(book.relationships.keys)
        keys.formUnion(book.pending.values.map(\.request.asker))
        keys.formUnion(book.outgoing.values.map(\.target))
        keys.formUnion(book.joining.values.map(\.invitation.inviter))
        return keys
    }

    private func hint(for key: NodeKey, at now: Clocks) -> String {
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

    /// A name for `peer` that no other peer has: what it calls itself if that is free, so that nobody can take over
    /// the name of somebody known (S3).
    func localName(for peer: NodeKey, claimed: String) -> String {
        if let name = book.names[peer] { return name }
        let taken = Set(book.names.values)
        let base = HostName.label(from: claimed) ?? "peer"
        guard taken.contains(base) else { return base }
        for number in 2...(taken.count + 2) {
            let suffix = "-\(number)"
            let name = base.prefix(RecordLimits.name - suffix.utf8.count) + suffix
            if !taken.contains(String(name)) { return String(name) }
        }
        preconditionFailure("among more numbers than there are names, one is free")
    }

    /// The key that `name` names, which must be somebody that we know.
    func known(_ name: PeerName) throws(Problem) -> NodeKey {
        let key = try stranger(name)
        let isKnown = knownKeys.contains(key) || book.names[key] != nil
        guard isKnown else { throw .unknownPeer(name) }
        return key
    }

    /// The one key that `name` names, known or not.
    func stranger(_ name: PeerName) throws(Problem) -> NodeKey {
        let keys = candidates(for: name)
        guard keys.count <= 1 else { throw .ambiguousPeer(name, keys.map(\.did)) }
        guard let found = keys.first else { throw .unknownPeer(name) }
        guard found != key else { throw .itself }
        return found
    }
}
