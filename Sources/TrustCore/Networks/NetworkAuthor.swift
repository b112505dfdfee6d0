package import OverlayCrypto
package import PosternModel

/// Writes entries behind the head of a network's log, one behind the other.
package struct NetworkAuthor {
    private let identity: NodeIdentity
    private let network: NetworkID
    private let now: Timestamp
    private var head: NetworkHead
    private var key: ContentKey
    /// The keys of nodes that have changed them.
    private let keys: [NodeKey: NodeChain]

    /// The author that goes on after `state`; `key` is the content key that it names. It seals that to the keys that
    /// readers have now, as far as `keys` tells.
    package init(
        _ identity: NodeIdentity,
        after state: NetworkState,
        key: ContentKey,
        keys: [NodeKey: NodeChain] = [:],
        at now: Timestamp
    ) {
        self.identity = identity
        self.keys = keys
        self.key = key
        self.now = now
        network = state.id
        head = state.head
    }

    /// Founds a network that its founder calls `name`, and is called `label` in.
    package static func found(
        by identity: NodeIdentity,
        name: String,
        label: String?,
        hubs: [HubURL],
        at now: Timestamp,
        using random: RandomSource
    ) -> (genesis: NetworkEntry, key: ContentKey) {
        let key = ContentKey(using: random)
        guard let hash = NetworkHash(bytes: key.hash) else { preconditionFailure("a key's hash has 32 bytes") }
        let change = NetworkChange.genesis(nonce: random.bytes(16), key: hash)
        let content: JSONValue = [
            "name": .string(name), "label": label.map { .string($0) } ?? .null, "hubs": .texts(hubs),
        ]
        let context = NetworkKeyring.context(of: change, in: nil)
        let body = key.seal(content.canonicalBytes, context: context, using: random)
        let header = NetworkHeader(
            network: nil,
            sequence: 0,
            previous: nil,
            time: now,
            actor: identity.key,
            change: change,
            bodyHash: NetworkHash(of: body)
        )
        return (NetworkEntry(header, body: body, signedBy: identity), key)
    }

    /// The next entry: `change`, with what only members read, and the content key for `guests`.
    package mutating func write(
        _ change: NetworkChange,
        _ content: JSONValue? = nil,
        keyFor guests: [NodeKey] = [],
        using random: RandomSource
    ) -> NetworkEntry {
        let context = NetworkKeyring.context(of: change, in: network)
        let body = content.map { key.seal($0.canonicalBytes, context: context, using: random) }
        var boxes: [NodeKey: [UInt8]] = [:]
        for guest in guests {
            boxes[guest] = (keys[guest]?.current ?? guest).seal(key.copyBytes(), using: random)
        }
        let header = NetworkHeader(
            network: network,
            sequence: head.sequence + 1,
            previous: head.hash,
            time: now,
            actor: identity.key,
            change: change,
            bodyHash: body.map { NetworkHash(of: $0) }
        )
        let entry = NetworkEntry(header, body: body, boxes: boxes, signedBy: identity)
        head = entry.place
        return entry
    }

    /// The next entry: a new content key for `readers`, under which the former one lies. Where they are more than one
    /// entry has boxes for, it holds the author's alone, and the others' are handed to the hub.
    package mutating func rekey(for readers: [NodeKey], using random: RandomSource) -> NetworkEntry {
        let former = key
        key = ContentKey(using: random)
        guard let hash = NetworkHash(bytes: key.hash) else { preconditionFailure("a key's hash has 32 bytes") }
        let content: JSONValue = ["former": .string(Base64URL.encode(former.copyBytes()))]
        let boxed = readers.count <= NetworkLimits.entryBoxes ? readers : [identity.key]
        return write(.rekey(hash), content, keyFor: boxed, using: random)
    }
}
