import OverlayCrypto
import OverlayWire
import PosternModel

@testable import OverlayCore

/// Two nodes that know each other, with a wire of fixed delay between them and a clock that jumps.
struct Pair: ~Copyable {
    static let addressA = Endpoint.ipv4(address: 0x0a00_0001, port: 1001)
    static let addressB = Endpoint.ipv4(address: 0x0a00_0002, port: 1002)

    var a: Node
    var b: Node
    let keyA: NodeKey
    let keyB: NodeKey
    var now = Instant(nanoseconds: 1_000_000_000)
    var delay = Interval.milliseconds(10)
    /// What the packet of this number needs beyond ``delay``: packets overtake each other.
    var jitter: (Int) -> Interval = { _ in .zero }
    /// Packets on their way: when they arrive, whether at `b`, where from and where to.
    var wire: [(at: Instant, toB: Bool, from: Endpoint, to: Endpoint, bytes: [UInt8], ecn: ECNCodepoint)] = []
    /// What the way does to the mark of each packet; nil drops the packet. Gets its number and the mark it left with.
    var remark: (Int, ECNCodepoint) -> ECNCodepoint? = { $1 }
    var eventsA: [Event] = []
    var eventsB: [Event] = []
    /// Decides about each packet whether it is lost; gets its number and whether it goes to `b`.
    var isLost: (Int, Bool) -> Bool = { _, _ in false }
    /// Whether nothing gets from the one address to the other.
    var isCut: (Endpoint, Endpoint) -> Bool = { _, _ in false }
    var sentCount = 0
    /// The largest packet that the wire carries, in bytes of UDP payload; larger ones vanish.
    var carries = Int.max
    /// Sizes of the packets that vanished for that, and the largest that did not.
    var tooLarge: [Int] = []
    var largest = 0
    /// Addresses at which nobody takes part, and the packets that were sent there.
    var bystanders: [Endpoint: [[UInt8]]] = [:]
    /// Whether packets that are too large are refused when they are sent, as by a system that knows its interface.
    var refusesTooLarge = false

    init(settings: NodeSettings = .defaults, admitsBoth: Bool = true) throws {
        let identityA = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        let identityB = try NodeIdentity(seed: Array(repeating: 2, count: 32))
        keyA = identityA.key
        keyB = identityB.key
        a = Node(
            identity: identityA,
            settings: settings,
            seed: Array(repeating: 3, count: 32),
            counters: 1_700_000_000_000_000_000..<UInt64.max
        )
        b = Node(
            identity: identityB,
            settings: settings,
            seed: Array(repeating: 4, count: 32),
            counters: 1_700_000_000_000_000_000..<UInt64.max
        )
        a.setLocalAddresses([Self.addressA], candidates: [], at: now)
        b.setLocalAddresses([Self.addressB], candidates: [], at: now)
        a.admit(PeerConfiguration(key: keyB, candidates: Candidate.hosts([Self.addressB])), at: now)
        if admitsBoth { b.admit(PeerConfiguration(key: keyA), at: now) }
    }

    /// Lets both send what they have.
    mutating func flush() {
        for toB in [true, false] {
            while true {
                var transmit: Transmit?
                let now = now
                let bytes = PacketWriter.bytes(capacity: 1 << 16) {
                    transmit =
                        toB
                        ? a.pollTransmit(into: &$0, maxSegments: 16, at: now)
                        : b.pollTransmit(into: &$0, maxSegments: 16, at: now)
                }
                guard let transmit else { break }
                if refusesTooLarge, transmit.segmentSize > carries {
                    tooLarge.append(transmit.segmentSize)
                    if toB {
                        a.packetsRefused(transmit, at: now)
                    } else {
                        b.packetsRefused(transmit, at: now)
                    }
                    continue
                }
                var start = 0
                while start < bytes.count {
                    let end = min(start + transmit.segmentSize, bytes.count)
                    sentCount += 1
                    guard bystanders[transmit.destination] == nil else {
                        bystanders[transmit.destination]?.append(Array(bytes[start..<end]))
                        start = end
                        continue
                    }
                    guard end - start <= carries else {
                        tooLarge.append(end - start)
                        start = end
                        continue
                    }
                    largest = max(largest, end - start)
                    if !isLost(sentCount, toB), !isCut(transmit.source, transmit.destination),
                        let ecn = remark(sentCount, transmit.ecn)
                    {
                        let at = now + delay + jitter(sentCount)
                        let packet = Array(bytes[start..<end])
                        wire.append((at, toB, transmit.source, transmit.destination, packet, ecn))
                    }
                    start = end
                }
            }
        }
        while let event = a.pollEvent() { eventsA.append(event) }
        while let event = b.pollEvent() { eventsB.append(event) }
    }

    /// Runs until nothing happens before `limit` from now.
    mutating func run(for limit: Interval) {
        let end = now + limit
        flush()
        while true {
            let next = [wire.map(\.at).min(), a.nextDeadline, b.nextDeadline].compactMap(\.self).min()
            guard let next, next <= end else {
                now = end
                return
            }
            now = max(now, next)
            let due = wire.filter { $0.at <= now }
            wire.removeAll { $0.at <= now }
            for packet in due {
                if packet.toB {
                    b.receive(packet.bytes.span.bytes, from: packet.from, to: packet.to, ecn: packet.ecn, at: now)
                } else {
                    a.receive(packet.bytes.span.bytes, from: packet.from, to: packet.to, ecn: packet.ecn, at: now)
                }
            }
            a.advance(to: now)
            b.advance(to: now)
            flush()
        }
    }

    /// Everything that can be read from a stream of `b`.
    mutating func readB(_ stream: StreamHandle) -> (bytes: [UInt8], isAtEnd: Bool) {
        var isAtEnd = false
        let now = now
        let bytes = PacketWriter.bytes(capacity: 1 << 20) {
            isAtEnd = (try? b.read(stream, into: &$0, at: now))?.isAtEnd ?? false
        }
        return (bytes, isAtEnd)
    }

    /// Everything that can be read from a stream of `a`.
    mutating func readA(_ stream: StreamHandle) -> (bytes: [UInt8], isAtEnd: Bool) {
        var isAtEnd = false
        let now = now
        let bytes = PacketWriter.bytes(capacity: 1 << 20) {
            isAtEnd = (try? a.read(stream, into: &$0, at: now))?.isAtEnd ?? false
        }
        return (bytes, isAtEnd)
    }
}

// What somebody does who has the keys of `a`.
extension Pair {
    /// A packet of the session with these frames.
    mutating func forge(_ write: (inout PacketWriter) -> Void) -> [UInt8] {
        guard let peer = a.peer(with: keyB), let session = a.peer(peer)?.session, let epoch = session.sendEpoch else {
            preconditionFailure("a pair forges once it has keys")
        }
        let number = session.recovery.packets.next
        session.recovery.file(sentAt: now, byteCount: 0, isTracked: false, path: nil)
        return PacketWriter.bytes(capacity: Node.maximumPacketSize) {
            $0.append(PacketType.protected.rawValue)
            $0.append(bigEndian: epoch.peerIndex.rawValue)
            $0.append(bigEndian: UInt32(truncatingIfNeeded: number))
            write(&$0)
            epoch.sealer.seal(PacketNumber(number), in: &$0, from: 0)
        }
    }

    /// `b` gets such a packet with `address` as its source.
    mutating func forge(from address: Endpoint, _ write: (inout PacketWriter) -> Void) -> Int {
        let bytes = forge(write)
        b.receive(bytes.span.bytes, from: address, to: Self.addressB, ecn: .notECT, at: now)
        flush()
        return bytes.count
    }

    /// What `b` knows of `a`, which it has met.
    var aAtB: Peer {
        guard let handle = b.peer(with: keyA), let peer = b.peer(handle) else {
            preconditionFailure("b is asked about a once both have met")
        }
        return peer
    }

    /// Bytes that went to addresses at which nobody takes part.
    var reflectedBytes: Int { bystanders.values.joined().reduce(0) { $0 + $1.count } }
    /// Their sizes at one of them.
    func sizes(at bystander: Endpoint) -> [Int] { bystanders[bystander]?.map(\.count) ?? [] }
    /// Packets that did.
    var reflectedCount: Int { bystanders.values.reduce(0) { $0 + $1.count } }
}
