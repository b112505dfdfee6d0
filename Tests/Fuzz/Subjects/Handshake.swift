import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel

/// Arbitrary bytes as datagrams to a node. The first byte says how far they get: as they are, behind a true first MAC,
/// sealed by a peer that the node trusts, as a payload or as early frames, or as a cookie for a handshake on its way.
enum Handshake {
    private static let now = Instant(nanoseconds: 1_000_000_000)
    private static let counter: UInt64 = 1_700_000_000_000_000_000
    private static let local = Endpoint.ipv4(address: 0x0a00_0002, port: 1002)
    private static let endpoint = Endpoint.ipv4(address: 0x0a00_0001, port: 1001)

    static func receive(_ bytes: [UInt8]) {
        guard let mode = bytes.first.map({ $0 % modes }) else { return }
        guard let node = try? NodeIdentity(seed: Array(repeating: 1, count: 32)),
            let peer = try? NodeIdentity(seed: Array(repeating: 2, count: 32))
        else { preconditionFailure("the seeds have 32 bytes") }
        let body = Array(bytes.dropFirst().prefix(1000))
        receive(datagram(mode, body, from: peer, to: node), mode, at: node, from: peer)
    }

    /// What the first byte can mean.
    private static let modes: UInt8 = 7
    /// The mode in which the node has a handshake on its way, to which a cookie could belong.
    private static let awaitsCookie: UInt8 = 5
    /// The mode in which the node admits nobody who has no cookie.
    private static let isUnderLoad: UInt8 = 6

    private static func datagram(
        _ mode: UInt8,
        _ body: [UInt8],
        from peer: NodeIdentity,
        to node: NodeIdentity
    ) -> [UInt8] {
        switch mode {
        case 0: body
        case 1, isUnderLoad: withMAC(padded([PacketType.initiation.rawValue] + body), for: node)
        case 2: withMAC([PacketType.response.rawValue] + body, for: node)
        case 3: initiation(payload: body, from: peer, to: node)
        case awaitsCookie: [PacketType.cookie.rawValue] + body.prefix(PacketLayout.Cookie.byteCount - 1)
        default: initiation(payload: payload(of: peer) + body.prefix(800), from: peer, to: node)
        }
    }

    /// `bytes` as long as an initiation is up to its MACs.
    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + Array(repeating: 0, count: max(0, PacketLayout.Initiation.mac1.lowerBound - bytes.count))
    }

    private static func withMAC(_ bytes: [UInt8], for node: NodeIdentity) -> [UInt8] {
        PacketWriter.bytes(capacity: 2048) {
            $0.append(bytes)
            HandshakeMAC.append(to: &$0, from: 0, key: HandshakeMAC.key(for: node.key))
            $0.appendZeros(HandshakeMAC.byteCount)
        }
    }

    private static func initiation(payload: [UInt8], from peer: NodeIdentity, to node: NodeIdentity) -> [UInt8] {
        let random = RandomSource(seed: Array(repeating: 9, count: 32))
        var noise = NoiseInitiator(
            identity: peer,
            responder: node.exchangeKey,
            psk: .none,
            prologue: PacketLayout.prologue(to: node.key),
            using: random
        )
        let head = PacketWriter.bytes(capacity: 2048) {
            $0.append(PacketType.initiation.rawValue)
            $0.append(bigEndian: UInt32(7))
            let padding = PacketLayout.Initiation.payloadSize - payload.count
            try? noise.writeMessage1(payload: payload + Array(repeating: 0, count: max(0, padding)), to: &$0)
        }
        return withMAC(head, for: node)
    }

    private static func payload(of peer: NodeIdentity) -> [UInt8] {
        let payload = InitiationPayload(
            counter: counter,
            key: peer.key,
            ours: SessionNumber(5),
            theirs: .none,
            hasAES: false,
            parameters: TransportParameters(
                maxData: 1 << 20,
                maxStreamData: 1 << 18,
                maxStreams: 100,
                maxPacketSize: 1232,
                maxAckDelay: 25,
                instance: 9
            )
        )
        return PacketWriter.bytes(capacity: 256) { payload.write(to: &$0) }
    }

    /// Gives the datagram to a fresh node, and lets it do all that follows.
    private static func receive(
        _ datagram: [UInt8],
        _ mode: UInt8,
        at identity: NodeIdentity,
        from peer: NodeIdentity
    ) {
        var settings = NodeSettings.defaults
        settings.maxMemory = 1 << 20
        if mode == isUnderLoad { settings.maxHandshakesPerSource = 0 }
        var node = Node(
            identity: identity,
            settings: settings,
            seed: Array(repeating: 3, count: 32),
            counters: counter..<UInt64.max
        )
        node.setLocalAddresses([local], candidates: [], at: now)
        let handle = node.admit(PeerConfiguration(key: peer.key, candidates: Candidate.hosts([endpoint])), at: now)
        var datagram = datagram
        if mode == awaitsCookie, let handle {
            node.connect(handle, at: now)
            let initiation = PacketWriter.bytes(capacity: 1 << 16) {
                _ = node.pollTransmit(into: &$0, maxSegments: 1, at: now)
            }
            // The index is right, whatever else is not.
            for position in 1..<min(5, datagram.count) { datagram[position] = initiation[position] }
        }
        node.receive(datagram.span.bytes, from: endpoint, to: local, ecn: .ce, at: now)
        var time = now
        for _ in 0..<4 {
            drain(&node, at: time)
            guard let next = node.nextDeadline else { return }
            time = max(time, next)
            node.advance(to: time)
        }
        precondition(node.statistics.memoryInUse <= 1 << 20, "the pool has its limit")
    }

    private static func drain(_ node: inout Node, at time: Instant) {
        var turns = 0
        var isDone = false
        while !isDone {
            turns += 1
            precondition(turns < 1000, "a node that receives one packet does not send for ever")
            _ = PacketWriter.bytes(capacity: 1 << 16) {
                isDone = node.pollTransmit(into: &$0, maxSegments: 16, at: time) == nil
            }
        }
        while node.pollEvent() != nil {}
    }
}
