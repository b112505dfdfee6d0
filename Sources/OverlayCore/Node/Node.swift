package import OverlayCrypto
package import OverlayWire
package import PosternModel

/// A node of the overlay: all its peers, sessions and streams, as a value without input, output, clock or randomness of
/// its own (the contract of quinn-proto, in Swift).
///
/// The shell says where it sends from (``setLocalAddresses(_:candidates:at:)``), and feeds datagrams to
/// ``receive(_:from:to:ecn:at:)`` and time to ``advance(to:)``; after each of them, and after any command, it sends
/// what ``pollTransmit(into:maxSegments:at:)`` gives until that is nil, handles what ``pollEvent()`` gives, and waits
/// until ``nextDeadline``.
package struct Node: ~Copyable {
    /// The largest UDP payload that a node takes.
    package static let maximumPacketSize = 9000

    var shared: Shared
    /// Peers by slot; nil where one was forgotten.
    var peers: [Peer?] = []
    private var freeSlots: [Int] = []
    private var generation: UInt32 = 0
    private(set) var slotsByKey: [NodeKey: Int] = [:]
    /// The names of peers that shake hands with another key than their first one, by that key.
    private var namesByHandshakeKey: [NodeKey: NodeKey] = [:]
    /// A key that peers shake hands with by its X25519 form. The opposite key, which has the same form, may be one too.
    private var keysByForm: [ExchangeKey: NodeKey] = [:]
    /// Slots of peers with something to send.
    var ready = RingQueue<Int>()
    var deadlines = DeadlineHeap()
    /// Handshake packets that wait to be sent, whole.
    var outgoing = RingQueue<OutgoingHandshake>()
    var answered = AnsweredHandshakes()
    var gate: HandshakeGate
    var cookies = Cookies()
    /// The keys to which others may begin handshakes, the current one first.
    let answering: [AnsweringKey]
    let scratch = Scratch()
    let relayScratch = Scratch()
    /// Whom the node expelled: what it remembered of their sessions is gone.
    var expelled: Set<NodeKey> = []
    var counter: HandshakeCounter
    /// Whether early data is taken: not while replay floors cannot be stored.
    var takesEarlyData = true
    /// Sessions of unknown peers that have not shown yet that they have the keys.
    var unconfirmedStrangers = 0
    var isClosing = false

    /// A key of this node's to which others begin handshakes.
    struct AnsweringKey {
        let identity: NodeIdentity
        /// What such handshakes start with.
        let prologue: [UInt8]
        let macKey: MACKey
        let cookieKey: MACKey
        /// Whether it is one that the node has changed.
        let isFormer: Bool

        init(_ identity: NodeIdentity, isFormer: Bool) {
            self.identity = identity
            self.isFormer = isFormer
            prologue = PacketLayout.prologue(to: identity.currentKey)
            macKey = HandshakeMAC.key(for: identity.currentKey)
            cookieKey = CookieSeal.key(for: identity.currentKey)
        }
    }

    /// A handshake packet and where it goes.
    struct OutgoingHandshake {
        var path: AddressPair
        var bytes: [UInt8]
    }

    /// A node with the key of `identity`. `seed`: 32 bytes from which all its randomness comes, never used before.
    /// `counters`: numbers for handshakes, reserved for this node alone and above all that the key has used.
    /// `entropy`: fresh randomness of the system, 32 bytes a call, mixed in before each key that is made.
    package init(
        identity: NodeIdentity,
        settings: NodeSettings,
        seed: [UInt8],
        counters: Range<UInt64>,
        entropy: (() -> [UInt8])? = nil
    ) {
        let random = RandomSource(seed: seed, entropy: entropy)
        shared = Shared(identity: identity, settings: settings, random: random)
        answering =
            [AnsweringKey(identity, isFormer: false)]
            + identity.former.reversed().map { AnsweringKey($0, isFormer: true) }
        gate = HandshakeGate(
            perSecond: settings.maxHandshakesPerSecond,
            unproven: settings.maxUnprovenHandshakesPerSecond,
            perSource: settings.maxHandshakesPerSource
        )
        counter = HandshakeCounter(reserved: counters)
    }

    // MARK: What the shell asks

    /// When ``advance(to:)`` has something to do; nil: never. Holds once ``pollTransmit(into:maxSegments:at:)`` has
    /// returned nil.
    package var nextDeadline: Instant? { deadlines.first?.deadline }

    /// The next thing that happened.
    package mutating func pollEvent() -> Event? { shared.events.popFirst() }

    /// The uses of keys since the last call, if `NodeSettings.tracesSeals`.
    package mutating func takeSeals() -> [Seal] {
        defer { shared.seals.removeAll(keepingCapacity: true) }
        return shared.seals
    }

    /// Counters since the node was made, and what it holds now.
    package var statistics: NodeStatistics {
        var statistics = shared.statistics
        statistics.memoryInUse = UInt64(shared.pool.usedBytes)
        statistics.pendingEvents = UInt64(shared.events.count)
        return statistics
    }

    // MARK: Time and place

    /// Where the node sends from and receives, and where it can be reached: the latter is told to peers inside
    /// sessions, as far as ``PeerConfiguration/sharesCandidates`` allows. Nothing is sent before the first call.
    ///
    /// `addresses` are what the shell's sockets are bound to, the preferred first; a socket on all addresses of the
    /// host is one. Sessions on an address that is gone go on from another one. `candidates`: the highest priority
    /// first.
    package mutating func setLocalAddresses(_ addresses: [Endpoint], candidates: [Candidate], at now: Instant) {
        let areSame = candidates == shared.localCandidates
        guard addresses != shared.localAddresses || !areSame else { return }
        shared.localAddresses = addresses
        shared.localCandidates = candidates
        for case let peer? in peers {
            guard let session = peer.session, session.isEstablished else { continue }
            session.leaveLostAddress(shared: &shared, at: now)
            if !areSame { session.candidatesChanged(shared: &shared, at: now) }
            settle(peer)
        }
    }

    /// The sockets were bound anew or the network changed: every path is tried again at once.
    package mutating func networkChanged(at now: Instant) {
        for case let peer? in peers {
            guard let session = peer.session, session.isEstablished else { continue }
            session.recovery.forgetSilence()
            session.control.isPingDue = true
            session.control.areCandidatesDue = true
            session.unproven.renew(at: now)
            session.probeAlternatives(shared: &shared, at: now)
            if session.path?.isDetour == true { session.probeCandidates(shared: &shared, at: now) }
            settle(peer)
        }
    }

    /// The system refused to send the packets of `transmit`: they do not fit the interface (`EMSGSIZE`). Sessions on
    /// that path send smaller ones from now on. Looks at every peer.
    package mutating func packetsRefused(_ transmit: Transmit, at now: Instant) {
        let addresses = AddressPair(local: transmit.source, remote: transmit.destination)
        for case let peer? in peers {
            guard let session = peer.session, session.path?.addresses == addresses else { continue }
            session.refused(transmit.segmentSize, shared: &shared, at: now)
            settle(peer)
        }
    }

    /// Does what has become due.
    package mutating func advance(to now: Instant) {
        // Each peer once: what stays due waits for a transmission, not for time.
        var due: [Int] = []
        while let (deadline, slot) = deadlines.first, deadline <= now {
            deadlines.set(nil, for: slot)
            due.append(slot)
        }
        for slot in due {
            guard let peer = peers[slot] else { continue }
            advance(peer, to: now)
            if peers[slot] === peer { settle(peer) }
        }
    }

    private mutating func advance(_ peer: Peer, to now: Instant) {
        if let pending = peer.pending, pending.retryAt <= now { retry(pending, of: peer, at: now) }
        guard let session = peer.session else { return }
        switch session.phase {
        case .connecting:
            break
        case .closing(_, _, let until):
            if until <= now { forgetSession(of: peer, at: now) }
        case .established:
            if let code = session.advance(to: now, shared: &shared) {
                end(session, code: code, reason: "the peer has been silent for too long", at: now)
            }
        }
    }

    // MARK: Keeping order

    /// Notes that the peer may have something to send. When it has to be looked at again is worked out once, when a
    /// transmission has been made of all that came (``pollTransmit(into:maxSegments:at:)``), not for each packet.
    mutating func settle(_ peer: Peer) {
        wake(peer)
        feedStarved()
    }

    /// Notes when the peer has to be looked at again.
    mutating func settleDeadline(of peer: Peer) {
        guard peers[peer.slot] === peer else { return }
        var deadline = peer.session?.deadline(settings: shared.settings)
        if let retryAt = peer.pending?.retryAt { deadline = min(deadline ?? retryAt, retryAt) }
        deadlines.set(deadline, for: peer.slot)
    }

    /// Memory that a starved stream can use without starving again at once, in blocks.
    private static let worthwhileMemory = 64

    /// Memory came free: streams whose writes found none may try again.
    mutating func feedStarved() {
        guard !shared.starved.isEmpty, shared.pool.availableBlocks >= Self.worthwhileMemory else { return }
        while let stream = shared.starved.popFirst() {
            guard let session = peer(stream.peer)?.session,
                session.streams.contains(Int(stream.slot), generation: stream.generation),
                session.streams[Int(stream.slot)].send.wantsRoom
            else { continue }
            session.streams[Int(stream.slot)].send.wantsRoom = false
            shared.events.append(.streamWritable(stream))
        }
    }

    mutating func wake(_ peer: Peer) {
        guard !peer.isReady else { return }
        peer.isReady = true
        ready.append(peer.slot)
    }

    /// The peer that `handle` names, if it still exists.
    func peer(_ handle: PeerHandle) -> Peer? {
        guard handle.slot < peers.count, let peer = peers[Int(handle.slot)] else { return nil }
        return peer.handle == handle ? peer : nil
    }

    /// A new peer in a free slot, with the X25519 form of its key; nil at the limit.
    mutating func addPeer(_ configuration: PeerConfiguration, exchangeKey: ExchangeKey, isAdmitted: Bool) -> Peer? {
        guard slotsByKey.count < shared.settings.maxPeers else { return nil }
        generation &+= 1
        let slot = freeSlots.popLast() ?? peers.count
        if slot == peers.count { peers.append(nil) }
        let peer = Peer(
            handle: PeerHandle(slot: UInt32(slot), generation: generation),
            configuration: configuration,
            exchangeKey: exchangeKey,
            isAdmitted: isAdmitted
        )
        peers[slot] = peer
        slotsByKey[configuration.key] = slot
        keysByForm[exchangeKey] = configuration.handshakeKey
        if configuration.handshakeKey != configuration.key {
            namesByHandshakeKey[configuration.handshakeKey] = configuration.key
        }
        return peer
    }

    /// The peer that shakes hands with `key`.
    func peer(shakingHandsWith key: NodeKey) -> Peer? {
        guard let peer = slotsByKey[namesByHandshakeKey[key] ?? key].flatMap({ peers[$0] }) else { return nil }
        return peer.handshakeKey == key ? peer : nil
    }

    /// The peers whose keys have this X25519 form: one, or two with opposite keys.
    func peers(withForm form: ExchangeKey) -> [Peer] {
        guard let key = keysByForm[form] else { return [] }
        return [key, key.negated].compactMap { peer(shakingHandsWith: $0) }
    }

    /// The key does not lead to the peer any more.
    mutating func forgetKey(of peer: Peer) {
        guard slotsByKey[peer.key] == peer.slot else { return }
        slotsByKey[peer.key] = nil
        if peer.handshakeKey != peer.key { namesByHandshakeKey[peer.handshakeKey] = nil }
        let opposite = self.peer(shakingHandsWith: peer.handshakeKey.negated)
        keysByForm[peer.exchangeKey] = opposite?.handshakeKey
    }

    /// Gives the peer's slot back.
    mutating func removePeer(_ peer: Peer) {
        forgetKey(of: peer)
        deadlines.set(nil, for: peer.slot)
        peers[peer.slot] = nil
        freeSlots.append(peer.slot)
    }

    /// The session is over for good: gives back what it holds, and the peer too if nobody admitted it. A life that the
    /// peer has begun meanwhile takes its place.
    mutating func forgetSession(of peer: Peer, at now: Instant) {
        clearRelays(through: peer)
        if let session = peer.session { dismantle(session) }
        peer.session = nil
        if let successor = peer.successor, !isClosing, slotsByKey[peer.key] == peer.slot {
            promote(successor, of: peer, at: now)
            return
        }
        dropSuccessor(of: peer)
        if !peer.isAdmitted { removePeer(peer) } else { settle(peer) }
    }

    /// Gives back what a session holds.
    mutating func dismantle(_ session: Session) {
        uncount(session)
        session.dismantle(shared: &shared)
    }
}
