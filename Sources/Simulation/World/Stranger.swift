import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel

/// Somebody with a key of its own whom no host knows, and who keeps to the protocol until it has been let in.
struct Stranger {
    private let identity: NodeIdentity
    private var random: SeededRandom

    /// The stranger of `seed`; nil where no key comes of it.
    init?(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        guard let identity = try? NodeIdentity(seed: random.bytes(32)) else { return nil }
        self.identity = identity
        self.random = random
    }

    /// A first message to `responder` as the protocol has it, with frames as early data that no honest node sends
    /// there: addresses of others, the ends of sessions, streams far ahead.
    mutating func firstMessage(to responder: NodeKey) -> [UInt8]? {
        guard let exchangeKey = try? responder.exchangeKey() else { return nil }
        var noise = NoiseInitiator(
            identity: identity,
            responder: exchangeKey,
            psk: .none,
            prologue: PacketLayout.prologue(to: responder),
            using: RandomSource(seed: random.bytes(32))
        )
        let payload = InitiationPayload(
            counter: random.next() >> 2,
            key: identity.key,
            ours: OverlayWire.SessionNumber(random.next() | 1),
            theirs: .none,
            hasAES: false,
            parameters: TransportParameters(
                maxData: random.next() >> 2,
                maxStreamData: random.next() >> 2,
                maxStreams: random.next() >> 2,
                maxPacketSize: 1200,
                maxAckDelay: random.next() >> 2,
                instance: random.next()
            )
        )
        let early = earlyFrames()
        let encoded = PacketWriter.bytes(capacity: PacketLayout.Initiation.payloadSize) {
            payload.write(to: &$0)
            $0.append(Array(early.prefix($0.remaining)))
            $0.appendZeros($0.remaining)
        }
        let index = UInt32(truncatingIfNeeded: random.next())
        return PacketWriter.bytes(capacity: PacketLayout.Initiation.byteCount) {
            $0.append(PacketType.initiation.rawValue)
            $0.append(bigEndian: index)
            try? noise.writeMessage1(payload: encoded, to: &$0)
            HandshakeMAC.append(to: &$0, from: 0, key: HandshakeMAC.key(for: responder))
            $0.appendZeros(HandshakeMAC.byteCount)
        }
    }

    /// STREAM with an offset, PATH_CHALLENGE, CLOSE, CANDIDATES and their like (Protocol §7): drawn more often.
    private static let favourites: [UInt8] = [0x01, 0x02, 0x08, 0x0a, 0x0e, 0x12, 0x1a, 0x1b, 0x1c, 0x2a]

    /// One frame after the other, each of a kind that is drawn, the last one perhaps cut short.
    private mutating func earlyFrames() -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<random.number(in: 1...6) {
            // A type, and what may be numbers, lengths and addresses behind it.
            bytes.append(random.happens(0.7) ? random.pick(Self.favourites) : UInt8(random.below(48)))
            bytes += random.bytes(random.below(40))
        }
        return bytes
    }
}

extension World {
    /// A stranger with a key of its own begins a handshake with a host, from an address of the attackers'.
    func greet(_ id: HostID, seed: UInt64) {
        let host = hosts[id.index]
        guard var stranger = Stranger(seed: seed), let message = stranger.firstMessage(to: host.key) else { return }
        var random = SeededRandom(seed: seed, purpose: .attacker)
        let from = Attacker.address(&random)
        // Only who takes strangers may answer.
        if host.settings.acceptsUnknownPeers { reflections.arrived(message.count, from: from) }
        inject(Attacker.Forged(bytes: message, from: from, to: id))
    }
}
