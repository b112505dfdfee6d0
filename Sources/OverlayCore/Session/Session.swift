import OverlayCrypto
import OverlayWire
import PosternModel

/// One life of the conversation with a peer: streams, datagrams, recovery and paths, over as many key epochs as it
/// takes.
///
/// It ends when either side closes it or the peer begins a new life, not for a path change, a re-key or silence.
final class Session {
    /// Where the session is in its life.
    enum Phase {
        /// Our first handshake waits for its answer; streams can be opened and written already.
        case connecting
        case established
        /// We closed: CLOSE is sent, and again for each packet that still comes, until the instant.
        case closing(ErrorCode, reason: String, until: Instant)
    }

    /// The peer owns the session and lives longer: a checked reference would cost a lock for each use.
    private unowned(unsafe) let owner: Peer
    var phase = Phase.connecting
    /// Whether our streams have even numbers: those of the lower key do, whoever began the session. When both begin at
    /// once, no stream has to change its number, however the handshakes cross.
    let opensEvenStreams: Bool
    let ours: SessionNumber
    var theirs = SessionNumber.none

    /// Living keys, oldest first.
    var epochs: [KeyEpoch] = []
    /// The keys that seal.
    var sendEpoch: KeyEpoch?

    var recovery: LossRecovery
    var received = ReceivedPackets()
    var replay = ReplayWindow()
    var path: Path?
    /// The largest packet that the peer takes.
    private(set) var peerMaxPacketSize = PacketLayout.basePathSize
    /// The ECN marks that the peer has counted.
    var reportedMarks = ECNCounts()
    var probes: [PathProbe] = []
    var pendingResponses: [PathResponse] = []
    /// Whether the last of them belongs to the packet that is being read, and when all of them will be paid off.
    var isAnsweringPacket = false
    var responsesDue = Instant(nanoseconds: .min)
    var upgradeAt: Instant?
    /// How long it waits after the next look.
    var upgradeWait: Interval?
    /// How a direct path is opened from both sides at once.
    var opening = Opening()
    /// What few sessions have.
    var uncommon: UncommonPaths?
    /// When all changes to addresses that the peer sends from will be paid off.
    var followDue = Instant(nanoseconds: .min)
    /// When the last stream ended.
    var streamEndedAt: Instant?
    /// When the peer may have its address told again.
    var attestDue = Instant(nanoseconds: .min)
    /// When a direct path was last looked for.
    var probedAt: Instant?
    var observedSequence: UInt64 = 0
    var candidatesSequence: UInt64 = 0
    /// Addresses at which the peer has shown that it receives, and what may go to others.
    var proven: [Endpoint] = []
    var unproven = UnprovenAddresses()
    /// The path that was left for an address that nobody knew, in case the peer did not leave it.
    var previous: Path?
    /// Where somebody forwards the peer's packets, and until when that is not followed.
    var forwarder: (addresses: AddressPair, until: Instant)?

    var streams: StreamTable
    var queues = SendQueues()
    var flow: SessionFlow
    var control = Control()
    var datagrams = RingQueue<OutgoingDatagram>()
    var relayQueue = RelayQueue()
    /// Whether the session's own frames were sent last, so that relayed packets come next.
    var isRelayNext = false

    /// Whether a CLOSE has to be sent, in the closing phase, and how many packets came since that began.
    var isCloseDue = false
    private var packetsWhileClosing = 0
    /// When any packet last left.
    var sentAt: Instant
    /// When an authenticated packet last came.
    var heardAt: Instant
    /// Whether the peer has shown in this life that it has the keys: by message 2, or by a packet under keys of ours.
    var isConfirmed = false
    var isUnresponsive = false
    /// What a silent peer is asked, and when.
    var inquiry = Inquiry()
    /// When the first packet left for the peer to relay since it was heard.
    var relayedSince = Instant(nanoseconds: .min)
    /// Whether the application knows that the path in use carries less than its base.
    var isBelowBaseTold = false
    /// Probe time-outs since then.
    var probesSinceHeard = 0
    /// Since when something waits that must not be sent: the peer's address has not proven itself, and what it was sent
    /// is used up (`Protocol.md` §4.8).
    var blockedSince: Instant?
    /// Whether the peer is nobody that this node knows. Such a session has to be confirmed soon.
    let isStranger: Bool
    /// Whether it counts among the node's unconfirmed ones.
    var isCounted = false
    private let createdAt: Instant
    /// Whether sending waits for the pacer, and until when.
    var pacedUntil: Instant?
    var bytesSent: UInt64 = 0
    var bytesReceived: UInt64 = 0
    var relayedBytes: UInt64 = 0

    /// A datagram that waits for a packet.
    struct OutgoingDatagram {
        var port: VirtualPort
        var block: BlockPool.Block
        var byteCount: Int
    }

    init(peer: Peer, ours: SessionNumber, opensEvenStreams: Bool, shared: inout Shared, at now: Instant) {
        let settings = shared.settings
        unsafe owner = peer
        self.ours = ours
        self.opensEvenStreams = opensEvenStreams
        isStranger = !peer.isAdmitted
        createdAt = now
        recovery = LossRecovery(
            firstNumber: 0,
            maximumProbeTimeout: settings.maxProbeTimeout,
            peerMaxAckDelay: settings.maxAckDelay
        )
        recovery.skippedNumbers = SkippedNumbers(draw: shared.random.nextUInt64())
        flow = SessionFlow(settings: settings, at: now)
        streams = StreamTable(lastGeneration: peer.lastStreamGeneration, secret: shared.random.nextUInt64())
        sentAt = now
        heardAt = now
    }

    /// Whose session it is.
    var peer: Peer { unsafe owner }

    var isEstablished: Bool {
        switch phase {
        case .established: true
        case .connecting, .closing: false
        }
    }

    /// When an unknown peer must have shown that it has the keys.
    var confirmationDeadline: Instant? { isStranger && !isConfirmed ? createdAt + Self.confirmationPatience : nil }

    private static let confirmationPatience = Interval.seconds(15)

    /// A packet came in the closing phase. RFC 9000 §10.2.1: the first, the second, the fourth, the eighth and so on
    /// are answered.
    func receiveWhileClosing() {
        packetsWhileClosing += 1
        if packetsWhileClosing & (packetsWhileClosing - 1) == 0 { isCloseDue = true }
    }

    /// The peer told its limits.
    func apply(_ parameters: TransportParameters) {
        flow.peerMaxData = max(flow.peerMaxData, parameters.maxData)
        flow.peerMaxStreams = max(flow.peerMaxStreams, parameters.maxStreams)
        flow.peerStreamWindow = parameters.maxStreamData
        peerMaxPacketSize = Int(clamping: parameters.maxPacketSize)
        recovery.peerMaxAckDelay = .milliseconds(Int64(parameters.maxAckDelay))
        for slot in streams.usedSlots {
            streams[slot].send.limit = max(streams[slot].send.limit, parameters.maxStreamData)
        }
        unblockStreams()
    }

    /// Takes new keys into use; the oldest beyond three go.
    func install(_ epoch: KeyEpoch, sealsNow: Bool, shared: inout Shared) {
        epochs.append(epoch)
        if sealsNow { seal(with: epoch, shared: &shared) }
        while epochs.count > 3, let oldest = epochs.first(where: { $0 !== sendEpoch && $0 !== epoch }) {
            remove(oldest, shared: &shared)
        }
    }

    /// From now on `epoch` seals; the keys before it open packets for a while longer.
    func seal(with epoch: KeyEpoch, shared: inout Shared) {
        for other in epochs where other !== epoch && other.expires == nil && other.createdAt <= epoch.createdAt {
            other.expires = epoch.createdAt + shared.settings.oldKeysFor
        }
        sendEpoch = epoch
        offerIndices(epoch, shared: &shared)
    }

    /// Gives the peer an index for challenges on other paths, and those for the day it changes its path.
    private func offerIndices(_ epoch: KeyEpoch, shared: inout Shared) {
        while epoch.ourIndices.count < KeyEpoch.maximumIndices { offerIndex(epoch, shared: &shared) }
    }

    private func offerIndex(_ epoch: KeyEpoch, shared: inout Shared) {
        control.newIndices.append(epoch.addIndex(shared.newIndex(slot: peer.slot)))
    }

    /// The peer uses `index`: it gets as many spare ones as a change of its path takes.
    func replenishIndices(of epoch: KeyEpoch, behind index: ReceiverIndex, shared: inout Shared) {
        guard epoch === sendEpoch, epoch.spares(behind: index) < KeyEpoch.sparesPerPath else { return }
        for retired in epoch.retire(before: index) { shared.indices.remove(retired) }
        while epoch.spares(behind: index) < KeyEpoch.sparesPerPath { offerIndex(epoch, shared: &shared) }
    }

    func remove(_ epoch: KeyEpoch, shared: inout Shared) {
        for index in epoch.ourIndices { shared.indices.remove(index) }
        epochs.removeAll { $0 === epoch }
    }

    /// Gives back everything the session holds outside of itself. The session is of no use afterwards.
    func dismantle(shared: inout Shared) {
        for epoch in epochs { remove(epoch, shared: &shared) }
        sendEpoch = nil
        peer.lastStreamGeneration = streams.lastGeneration
        if isConfirmed { peer.former = Peer.FormerLife(ours: ours, theirs: theirs, heardAt: heardAt) }
        for slot in streams.usedSlots {
            let before = streams[slot].send.heldBytes
            streams[slot].send.abandon(pool: &shared.pool)
            countMemory(slot, since: before)
            streams[slot].receive.end(pool: &shared.pool)
            streams.remove(slot)
        }
        while let datagram = datagrams.popFirst() { shared.pool.giveBack(datagram.block) }
        while let packet = relayQueue.popFirst() { shared.pool.giveBack(packet.block) }
    }
}

/// Control frames that wait for a packet.
struct Control {
    var isPingDue = false
    var isMaxDataDue = false
    var isMaxStreamsDue = false
    var areCandidatesDue = false
    var isObservedDue = false
    /// A step of a simultaneous opening.
    var punch: PunchFrame?
    /// What is asked and told of where nodes are.
    var attests: Attests?
    /// Sequences of spare indices, of the keys in use.
    var newIndices: [UInt64] = []

    var isEmpty: Bool {
        !isPingDue && !isMaxDataDue && !isMaxStreamsDue && !areCandidatesDue && !isObservedDue && newIndices.isEmpty
            && punch == nil && attests == nil
    }
}

/// Conversations whose other end is to be told where this node is, and what this node as a hub tells.
struct Attests {
    var requests: [RelayChannel] = []
    var told: [(channel: RelayChannel, endpoint: Endpoint)] = []
}
