package import OverlayCrypto
import PosternModel

/// The content keys of a network that somebody holds, by their hashes.
package struct NetworkKeyring: Hashable, Sendable {
    private var keys: [NetworkHash: ContentKey] = [:]

    private static let context = Array("postern network body 1\n".utf8)

    package init() {}

    /// The key named by `hash`, if it is held.
    package subscript(_ hash: NetworkHash) -> ContentKey? { keys[hash] }

    /// All keys, in a stable order.
    package var all: [ContentKey] { keys.sorted { $0.key < $1.key }.map(\.value) }

    /// Takes a key.
    package mutating func add(_ key: ContentKey) {
        guard let hash = NetworkHash(bytes: key.hash) else { preconditionFailure("a key's hash has 32 bytes") }
        keys[hash] = key
    }

    /// Takes the keys that `entries` of one log, each behind the one that it follows, hold for one of `identities`:
    /// each is in the box of the entry that names it or in that of an invitation, and each new one opens the one before
    /// it. Returns whether there were new ones. `key` names the one under which the first of `entries` stands, where
    /// that does not say so.
    package mutating func learn(
        from entries: some Sequence<NetworkEntry>,
        under key: NetworkHash? = nil,
        as identities: [NodeIdentity]
    ) -> Bool {
        let before = keys.count
        // The key under which each entry stands: two branches may have changed it.
        var current: [NetworkHash: NetworkHash] = [:]
        var changes: [NetworkEntry] = []
        for entry in entries {
            switch entry.header.change {
            case .genesis(_, let new): current[entry.hash] = new
            case .rekey(let new):
                current[entry.hash] = new
                changes.append(entry)
            case .add, .join, .leave, .remove, .role, .expiry, .open, .close, .name, .group, .policy, .publish,
                .freshness, .hubs, .authorize, .unauthorize, .void, .heal:
                current[entry.hash] = entry.header.previous.flatMap { current[$0] } ?? key
            }
            guard let named = current[entry.hash], keys[named] == nil else { continue }
            for identity in identities {
                guard let box = entry.boxes[identity.key], let bytes = identity.openSealed(box),
                    let key = ContentKey(bytes: bytes), NetworkHash(bytes: key.hash) == named
                else { continue }
                keys[named] = key
            }
        }
        for entry in changes.sorted(by: { $0.header.sequence > $1.header.sequence }) {
            guard case .rekey(let new) = entry.header.change, let body = body(of: entry, under: new),
                let former = body["former"]?.string.flatMap({ Base64URL.decode($0) }).flatMap({ ContentKey(bytes: $0) })
            else { continue }
            add(former)
        }
        return keys.count > before
    }

    /// What the body of `entry` says, sealed under the key named by `hash`; nil: there is none, or it cannot be opened.
    func body(of entry: NetworkEntry, under hash: NetworkHash?) -> JSONValue? {
        guard let hash, let key = keys[hash], let box = entry.body else { return nil }
        let context = Self.context(of: entry.header.change, in: entry.header.network)
        return key.open(box, context: context).flatMap { try? JSONValue(parsing: $0) }
    }

    /// What keeps the body of one kind of entry, or of one network, from passing for another.
    static func context(of change: NetworkChange, in network: NetworkID?) -> [UInt8] {
        context + Array("\(change.action)\n".utf8) + (network?.hash.bytes ?? [])
    }
}
