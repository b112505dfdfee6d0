import OverlayCrypto
import OverlayWire
import PosternModel

/// The keys that one handshake made, and the receiver indices under which packets sealed with them travel.
final class KeyEpoch {
    /// Distinguishes the keys from all others of the node.
    let serial: UInt32
    let createdAt: Instant
    /// Indices by which the peer addresses us, the first from the handshake.
    private(set) var ourIndices: [ReceiverIndex]
    /// Indices by which we address the peer: the first is for the path in use, the second for challenges and responses
    /// on others, the rest are spare for a new path.
    private var peerIndices: [ReceiverIndex]
    /// Offers that came before their turn.
    private var earlyOffers: [(sequence: UInt64, index: ReceiverIndex)] = []
    /// The sequence of the last index in each direction.
    private(set) var ourSequence: UInt64 = 0
    private var peerSequence: UInt64 = 0
    var sealer: PacketSealer
    var opener: PacketOpener
    /// Bytes sealed with these keys.
    var sealedBytes: UInt64 = 0
    /// Whether this node began the handshake.
    let isInitiator: Bool
    /// Whether the peer has shown that it has the keys.
    var isConfirmed: Bool
    /// When these keys stop opening packets, once newer ones are confirmed.
    var expires: Instant?
    /// Packets that these keys did not open.
    var failedOpens: UInt64 = 0
    /// Whether it was told that they should have been replaced long ago.
    var isOverdueTold = false

    /// Bytes that keys seal at most, far below what both ciphers allow (RFC 9001 §B.1).
    static let maximumSealedBytes: UInt64 = 1 << 39
    /// Forged packets that keys refuse at most: ChaCha20-Poly1305 allows 2^36 (RFC 9001 §B.2, AES-GCM 2^52).
    static let maximumFailedOpens: UInt64 = 1 << 35
    /// Bytes that a session at rest seals with its keys: keep-alives and acknowledgements. Such keys may be used for
    /// ``restFactor`` times as long: there is nothing in them to protect.
    private static let restBytes: UInt64 = 2048
    static let restFactor: Int64 = 5
    /// How long keys live at most.
    static let lifetime = Interval.seconds(1800)

    /// Indices that one side keeps for the other at a time.
    static let maximumIndices = 4
    /// Indices that the peer has for its next path, and for challenges beside that.
    static let sparesPerPath = 2

    /// Whether nothing but keep-alives has been sealed.
    var isAtRest: Bool { sealedBytes < Self.restBytes }

    init(
        serial: UInt32,
        secrets: SessionSecrets,
        cipher: DataCipher,
        ours: ReceiverIndex,
        theirs: ReceiverIndex,
        isInitiator: Bool,
        at now: Instant
    ) {
        self.serial = serial
        createdAt = now
        ourIndices = [ours]
        peerIndices = [theirs]
        sealer = PacketSealer(secret: secrets.send, cipher: cipher)
        opener = PacketOpener(secret: secrets.receive, cipher: cipher)
        self.isInitiator = isInitiator
        isConfirmed = isInitiator
    }

    /// When these keys stop opening packets.
    var ends: Instant { min(expires ?? .distantFuture, createdAt + Self.lifetime) }

    /// Whether a packet may be sealed with these keys.
    func maySeal(at now: Instant) -> Bool {
        sealedBytes < Self.maximumSealedBytes && now - createdAt < Self.lifetime
    }

    /// The index to put into packets now.
    var peerIndex: ReceiverIndex { peerIndices[0] }

    /// The index to put into packets on other paths, which so have nothing in common with the one in use.
    var probingIndex: ReceiverIndex? { peerIndices.count > 1 ? peerIndices[1] : nil }

    /// How many indices of ours the peer has beyond `index`, which it uses.
    func spares(behind index: ReceiverIndex) -> Int {
        ourIndices.lastIndex(of: index).map { ourIndices.count - 1 - $0 } ?? 0
    }

    func isAddressed(by index: ReceiverIndex) -> Bool { ourIndices.contains(index) }

    /// Takes a spare index of ours into use and returns its sequence.
    func addIndex(_ index: ReceiverIndex) -> UInt64 {
        ourIndices.append(index)
        ourSequence += 1
        return ourSequence
    }

    /// An index of ours by its sequence, for repeating a lost frame.
    func index(sequence: UInt64) -> ReceiverIndex? {
        let position = ourIndices.count - 1 - Int(ourSequence - min(sequence, ourSequence))
        return ourIndices.indices.contains(position) && sequence <= ourSequence ? ourIndices[position] : nil
    }

    /// The peer offers a spare index. Offers may come in any order; one that comes before its turn, or while we have as
    /// many as we keep, waits, since what was acknowledged is not offered again. Repeated ones, and those that are
    /// further ahead than any that a peer gives, are ignored.
    func learn(sequence: UInt64, _ index: ReceiverIndex) {
        guard sequence > peerSequence, sequence - peerSequence <= UInt64(Self.maximumIndices),
            !earlyOffers.contains(where: { $0.sequence == sequence })
        else { return }
        earlyOffers.append((sequence, index))
        takeOffers()
    }

    private func takeOffers() {
        while peerIndices.count < Self.maximumIndices,
            let position = earlyOffers.firstIndex(where: { $0.sequence == peerSequence + 1 })
        {
            peerSequence += 1
            peerIndices.append(earlyOffers.remove(at: position).index)
        }
    }

    /// A new path begins: what is on it must not be linked to the old one, nor to the challenges that were sent on both
    /// (DESIGN §5). Keeps the index when there is no spare.
    func changeIndex() {
        peerIndices.removeFirst(min(Self.sparesPerPath, peerIndices.count - 1))
        takeOffers()
    }

    /// The peer uses `index`: those before the pair that came before it will not come again. Returns the retired ones.
    func retire(before index: ReceiverIndex) -> [ReceiverIndex] {
        guard let position = ourIndices.firstIndex(of: index), position > Self.sparesPerPath else { return [] }
        let retired = Array(ourIndices[..<(position - Self.sparesPerPath)])
        ourIndices.removeFirst(retired.count)
        return retired
    }
}
