import OverlayCrypto
import OverlayWire
import PosternModel

/// What all sessions of a node share and change: passed down, never kept.
struct Shared: ~Copyable {
    let identity: NodeIdentity
    var settings: NodeSettings
    let hasAES: Bool
    var pool: BlockPool
    let random: RandomSource
    /// A number of this process: see ``OverlayWire/TransportParameters/instance``.
    let instance: UInt64
    var events = RingQueue<Event>()
    var statistics = NodeStatistics()
    /// Datagrams that wait to be taken.
    var datagrams = RingQueue<IncomingDatagram>()
    /// Ports whose datagrams are taken.
    var datagramPorts: Set<VirtualPort> = []
    /// Relayed packets that arrived for this node and wait to be received.
    var relayedIn = RingQueue<RelayedPacket>()
    /// Relayed packets that wait to be handed to the session that carries them.
    var relayedOut = RingQueue<RelayedPacket>()
    /// Streams whose write found no memory, and nothing of whose own will free any.
    var starved = RingQueue<StreamHandle>()
    var seals: [Seal] = []
    /// Receiver indices of this node and the peer slots they belong to.
    var indices = IndexTable()
    /// Our end of every path: the addresses that the shell's sockets are bound to.
    var localAddresses: [Endpoint] = []
    /// Further ends of paths: sockets that were opened for a peer to guess their ports.
    var spareAddresses: Set<Endpoint> = []
    /// What is known of the translator in front of the node.
    var mapping = AddressMapping.unknown
    /// Requests to hubs to tell the other end of a conversation where this node is; what this node, as a hub, tells;
    /// and what hubs told.
    var attestRequests = RingQueue<RelayHandle>()
    var attestsOut = RingQueue<(relay: RelayHandle, endpoint: Endpoint)>()
    var attestsIn = RingQueue<(relay: RelayHandle, endpoint: Endpoint)>()
    /// Whether one of these three has something.
    var hasAttests = false
    /// Where the node can be reached on its own networks, the highest priority first.
    var localCandidates: [Candidate] = []
    var candidatesSequence: UInt64 = 0
    private var nextSerial: UInt32 = 0

    init(identity: NodeIdentity, settings: NodeSettings, random: RandomSource) {
        self.identity = identity
        self.settings = settings.clamped
        hasAES = hasHardwareAES()
        pool = BlockPool(maximum: settings.maxMemory)
        self.random = random
        random.refresh()
        instance = random.nextUInt64()
    }

    /// Bytes that one session may hold unread: half of the memory that is free. So who holds much stops first as memory
    /// runs short, and it never runs out for who comes next (the dynamic thresholds of Choudhury and Hahne).
    var sessionShare: Int { pool.availableBlocks * BlockPool.blockSize / 2 }

    /// Bytes that one stream may hold in each direction: half as much.
    var streamShare: Int { sessionShare / 2 }

    /// Whether this node comes before the peer in the order that both agree on: that of their first keys, but a hub
    /// knows its clients by their current ones.
    func precedes(_ peer: Peer) -> Bool {
        (peer.relays ? identity.currentKey : identity.key).precedes(peer.key)
    }

    /// A number that nothing of this node had before.
    mutating func serial() -> UInt32 {
        nextSerial &+= 1
        return nextSerial
    }

    /// Whether packets may leave from `local`.
    func hasAddress(_ local: Endpoint) -> Bool { localAddresses.contains(local) || spareAddresses.contains(local) }

    /// Whether an address of this scope that somebody else names makes sense here: one of a private network does if
    /// this node has an address in such a network as well.
    func mayReach(_ scope: AddressScope) -> Bool {
        switch scope {
        case .global: true
        case .nowhere: false
        case .loopback, .link, .site:
            localCandidates.contains { $0.endpoint.scope == scope } || localAddresses.contains { $0.scope == scope }
        }
    }

    /// A fresh receiver index that leads to the peer in `slot`.
    mutating func newIndex(slot: Int) -> ReceiverIndex {
        while true {
            let index = ReceiverIndex(random.nextUInt32())
            guard indices.slot(of: index) == nil else { continue }
            indices.insert(index, slot: slot)
            return index
        }
    }

    /// Copies a packet into a block; nil when there is no memory.
    mutating func keep(_ packet: RawSpan, _ range: Range<Int>) -> BlockPool.Block? {
        guard range.count <= BlockPool.blockSize, let block = pool.take() else {
            statistics.dropped.noMemory += 1
            return nil
        }
        pool.store(packet, range, to: block, at: 0)
        return block
    }
}

/// A datagram that arrived, and where its bytes are.
struct IncomingDatagram {
    var datagram: ReceivedDatagram
    var block: BlockPool.Block
}

/// A packet on its way through a relay: the peer whose session carries it and the conversation, and the bytes.
struct RelayedPacket {
    var relay: RelayHandle
    var block: BlockPool.Block
    var byteCount: Int
}

/// One use of a key: the pair must never come twice.
package struct Seal: Hashable, Sendable {
    package var keySerial: UInt32
    package var packetNumber: UInt64

    package init(keySerial: UInt32, packetNumber: UInt64) {
        self.keySerial = keySerial
        self.packetNumber = packetNumber
    }
}
