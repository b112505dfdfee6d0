import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel

/// Two nodes that trust each other, their applications, and a wire that loses, repeats, reorders, damages and diverts.
/// Neither traps nor sends for ever, memory keeps its bound, and what is read of a stream is what was written.
enum NodeOperations {
    static func receive(_ bytes: [UInt8]) {
        var choices = Choices(bytes)
        guard var world = NodesUnderFire() else { preconditionFailure("the seeds have 32 bytes") }
        while !choices.isEmpty { world.step(&choices) }
        world.settle()
    }
}

private struct NodesUnderFire: ~Copyable {
    private struct Packet {
        var bytes: [UInt8]
        var from: Endpoint
        var side: Int
    }

    private static let memory = 4 << 20
    private static let addresses = [
        Endpoint.ipv4(address: 0x0a00_0001, port: 1001), Endpoint.ipv4(address: 0x0a00_0002, port: 1002),
    ]
    private var a: Node
    private var b: Node
    private var now = Instant(nanoseconds: 1_000_000_000)
    private var wire: [Packet] = []
    private var opened: [[StreamHandle]] = [[], []]
    private let keys: [NodeKey]

    init?() {
        var settings = NodeSettings.defaults
        settings.maxMemory = Self.memory
        guard let first = try? NodeIdentity(seed: Array(repeating: 1, count: 32)),
            let second = try? NodeIdentity(seed: Array(repeating: 2, count: 32))
        else { return nil }
        keys = [first.key, second.key]
        a = Self.node(first, settings, at: now)
        b = Self.node(second, settings, at: now)
        a.setLocalAddresses([Self.addresses[0]], candidates: [], at: now)
        b.setLocalAddresses([Self.addresses[1]], candidates: [], at: now)
        a.admit(PeerConfiguration(key: keys[1], candidates: Candidate.hosts([Self.addresses[1]])), at: now)
        b.admit(PeerConfiguration(key: keys[0], candidates: Candidate.hosts([Self.addresses[0]])), at: now)
    }

    private static func node(_ identity: NodeIdentity, _ settings: NodeSettings, at now: Instant) -> Node {
        Node(
            identity: identity,
            settings: settings,
            seed: Array(repeating: identity.key.bytes[0], count: 32),
            counters: 1_700_000_000_000_000_000..<UInt64.max
        )
    }

    /// Lets `body` work on one of the two.
    private mutating func with<Result>(_ side: Int, _ body: (inout Node, Instant) -> Result) -> Result {
        side == 0 ? body(&a, now) : body(&b, now)
    }

    mutating func step(_ choices: inout Choices) {
        let side = Int(choices.byte() % 2)
        switch choices.byte() % 16 {
        case 0, 1, 2, 3: deliver(&choices)
        case 4: if !wire.isEmpty { wire.remove(at: choices.number(below: wire.count)) }
        case 5: if !wire.isEmpty { wire.append(wire[choices.number(below: wire.count)]) }
        case 6: damage(&choices)
        case 7: pass(.milliseconds(Int64(choices.byte())))
        case 8: pass(.seconds(Int64(choices.byte())))
        case 9: open(side, &choices)
        case 10, 11: write(side, &choices)
        case 12: end(side, &choices)
        case 13: connect(side)
        case 14: manage(side, &choices)
        default: sendDatagram(side, &choices)
        }
        for side in [0, 1] { drain(side) }
    }

    private mutating func deliver(_ choices: inout Choices) {
        guard !wire.isEmpty else { return }
        let packet = wire.remove(at: choices.number(below: wire.count))
        let diverted = choices.byte() % 32 == 0
        let from = diverted ? Endpoint.ipv4(address: 0x0a00_0063, port: 7) : packet.from
        with(packet.side) { node, now in
            node.receive(
                packet.bytes.span.bytes,
                from: from,
                to: Self.addresses[packet.side],
                ecn: .notECT,
                at: now
            )
        }
    }

    private mutating func damage(_ choices: inout Choices) {
        guard !wire.isEmpty else { return }
        let index = choices.number(below: wire.count)
        wire[index].bytes[choices.number(below: wire[index].bytes.count)] ^= 1 << (choices.byte() % 8)
    }

    private mutating func pass(_ span: Interval) {
        let end = now + span
        for _ in 0..<200 {
            let due = [a.nextDeadline, b.nextDeadline].compactMap(\.self).min() ?? end
            guard due < end else { break }
            now = max(now, due)
            advance()
        }
        now = end
        advance()
    }

    private mutating func advance() {
        for side in [0, 1] {
            with(side) { node, now in node.advance(to: now) }
            drain(side)
        }
    }

    private mutating func open(_ side: Int, _ choices: inout Choices) {
        let (key, port) = (keys[1 - side], VirtualPort(UInt16(choices.byte())))
        let handle = with(side) { node, now in
            node.peer(with: key).flatMap { try? node.openStream(to: $0, port: port, at: now) }
        }
        if let handle { opened[side].append(handle) }
    }

    private mutating func write(_ side: Int, _ choices: inout Choices) {
        guard !opened[side].isEmpty else { return }
        let handle = choices.pick(opened[side])
        let bytes = Array(repeating: UInt8(0x5a), count: choices.number(below: 5_000))
        let count = with(side) { node, now in (try? node.write(bytes.span.bytes, to: handle, at: now)) ?? 0 }
        precondition(count >= 0 && count <= bytes.count, "no more is taken than was given")
    }

    private mutating func end(_ side: Int, _ choices: inout Choices) {
        guard !opened[side].isEmpty else { return }
        let handle = choices.pick(opened[side])
        let kind = choices.byte() % 3
        with(side) { node, now in
            switch kind {
            case 0: node.finish(handle, at: now)
            case 1: node.reset(handle, code: .aborted, at: now)
            default: node.stopReading(handle, code: .aborted, at: now)
            }
        }
    }

    private mutating func connect(_ side: Int) {
        let key = keys[1 - side]
        with(side) { node, now in if let peer = node.peer(with: key) { node.connect(peer, at: now) } }
    }

    private mutating func manage(_ side: Int, _ choices: inout Choices) {
        let (key, address) = (keys[1 - side], Self.addresses[1 - side])
        let kind = choices.byte() % 16
        with(side) { node, now in
            switch kind {
            case 0: node.expel(key, code: .aborted, at: now)
            case 1: node.networkChanged(at: now)
            case 2: if let peer = node.peer(with: key) { node.ping(peer, at: now) }
            default:
                node.admit(PeerConfiguration(key: key, candidates: Candidate.hosts([address])), at: now)
            }
        }
    }

    private mutating func sendDatagram(_ side: Int, _ choices: inout Choices) {
        let key = keys[1 - side]
        let bytes = choices.bytes(upTo: 100)
        with(side) { node, now in
            guard let peer = node.peer(with: key) else { return }
            try? node.sendDatagram(bytes.span.bytes, to: peer, port: VirtualPort(9), at: now)
        }
    }

    /// Takes what a node sends and tells, and reads what it has.
    private mutating func drain(_ side: Int) {
        let other = 1 - side
        for turn in 0... {
            precondition(turn < 2_000, "a node does not send for ever")
            var segmentSize: Int?
            let bytes = PacketWriter.bytes(capacity: 1 << 16) { writer in
                segmentSize = with(side) { node, now in
                    node.pollTransmit(into: &writer, maxSegments: 16, at: now)?.segmentSize
                }
            }
            guard let segmentSize else { break }
            for start in stride(from: 0, to: bytes.count, by: segmentSize) where wire.count < 4_096 {
                let end = min(start + segmentSize, bytes.count)
                wire.append(Packet(bytes: Array(bytes[start..<end]), from: Self.addresses[side], side: other))
            }
        }
        var readable: [StreamHandle] = []
        with(side) { node, _ in
            while let event = node.pollEvent() {
                if case .streamReadable(let handle) = event { readable.append(handle) }
                if case .streamOpened(let handle, _, _) = event { readable.append(handle) }
            }
            precondition(node.statistics.memoryInUse <= Self.memory, "the pool has its limit")
        }
        for handle in readable { read(handle, side) }
    }

    private mutating func read(_ handle: StreamHandle, _ side: Int) {
        with(side) { node, now in
            while node.readableByteCount(handle) > 0 {
                let bytes = PacketWriter.bytes(capacity: 4_096) { _ = try? node.read(handle, into: &$0, at: now) }
                guard !bytes.isEmpty else { return }
                precondition(bytes.allSatisfy { $0 == 0x5a }, "what is read is what was written")
            }
        }
    }

    /// The wire loses nothing from now on: both come to rest.
    mutating func settle() {
        for _ in 0..<50 {
            let packets = wire
            wire = []
            for packet in packets {
                with(packet.side) { node, now in
                    let to = Self.addresses[packet.side]
                    node.receive(packet.bytes.span.bytes, from: packet.from, to: to, ecn: .notECT, at: now)
                }
                drain(packet.side)
            }
            pass(.milliseconds(50))
        }
    }
}
