import Foundation
import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel

extension Bench {
    /// Handshakes of two nodes in memory.
    static let handshakes = Bench(
        name: "handshakes",
        summary: "handshakes of 10 000 peers with one node, in memory: CPU of each side, and what a session weighs"
    ) { _ in
        // Takes as long as it takes, whatever the budget: the sessions have to be there at the same time.
        let server = try HandshakeServer(peers: 10_000)
        let rounds = try (0..<10).map { _ in try server.greet(1000) }
        let responder = rounds.map(\.responder)
        let weight = try server.bytesPerSession
        let anew = try server.greetAgain(1000)
        return [
            Measurement(what: "initiator", unit: "µs", samples: rounds.map(\.initiator)),
            Measurement(what: "responder", unit: "µs", samples: responder),
            Measurement(what: "responder, one core", unit: "handshakes/s", samples: responder.map { 1e6 / $0 }),
            Measurement(what: "responder, peers it has met", unit: "µs", samples: [anew.responder]),
            Measurement(what: "resident memory of an idle session", unit: "B", samples: [weight]),
        ]
    }
}

/// A node to which one peer after the other begins a session that stays.
private final class HandshakeServer {
    /// Microseconds of CPU of one handshake.
    struct Cost {
        var initiator = 0.0
        var responder = 0.0
    }

    private var node: Node
    private let identity: NodeIdentity
    private let clients: [NodeIdentity]
    private var greeted = 0
    private var lives = 0
    private var now = Instant(nanoseconds: 1_000_000_000)
    private let packets = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_507, alignment: 64)
    private var addressCount: UInt32 = 0
    private let residentBefore: Int

    private static let endpoint = Endpoint.ipv4(address: 0x0a00_0001, port: 1)
    private static let counter: UInt64 = 1_800_000_000_000_000_000

    init(peers: Int) throws {
        identity = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        clients = try (0..<peers).map { number in
            try NodeIdentity(seed: (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) })
        }
        var settings = NodeSettings.defaults
        settings.maxHandshakesPerSecond = 1_000_000
        settings.maxHandshakesPerSource = 1_000_000
        // The sessions are to rest: their peers are gone.
        settings.keepAlive = .seconds(100_000)
        settings.rekeyAfter = .seconds(100_000)
        let seed = Array(repeating: UInt8(3), count: 32)
        node = Node(identity: identity, settings: settings, seed: seed, counters: Self.counter..<UInt64.max)
        node.setLocalAddresses([Self.endpoint], candidates: [], at: now)
        residentBefore = try residentBytes()
        for client in clients { node.admit(PeerConfiguration(key: client.key), at: now) }
    }

    deinit {
        packets.deallocate()
    }

    /// Resident memory that each session with its peer added.
    var bytesPerSession: Double {
        get throws { Double(try residentBytes() - residentBefore) / Double(greeted) }
    }

    /// Lets the next `count` peers begin their sessions.
    func greet(_ count: Int) throws -> Cost {
        defer { greeted += count }
        return try greet(clients[greeted..<greeted + count])
    }

    /// Lets the first `count` peers begin again, as after a restart.
    func greetAgain(_ count: Int) throws -> Cost {
        lives += 1
        return try greet(clients[..<count])
    }

    private func greet(_ peers: ArraySlice<NodeIdentity>) throws -> Cost {
        var total = Cost()
        for peer in peers {
            let cost = try handshake(of: peer)
            total.initiator += cost.initiator
            total.responder += cost.responder
        }
        return Cost(initiator: total.initiator / Double(peers.count), responder: total.responder / Double(peers.count))
    }

    /// One handshake, and what both sides have to tell each other behind it.
    private func handshake(of peer: NodeIdentity) throws -> Cost {
        addressCount += 1
        let source = Endpoint.ipv4(address: 0x0b00_0000 + addressCount, port: 2)
        let counter = Self.counter + UInt64(now.nanoseconds)
        // Another life of the same peer has other random numbers.
        let seed = Hash.blake2b(peer.key.bytes + [UInt8(truncatingIfNeeded: lives)])
        var client = Node(identity: peer, settings: .defaults, seed: seed, counters: counter..<UInt64.max)
        let server = PeerConfiguration(key: identity.key, candidates: Candidate.hosts([Self.endpoint]))
        guard let handle = client.admit(server, at: now) else { throw BenchError("the node's key is no key") }
        client.setLocalAddresses([source], candidates: [], at: now)
        var cost = Cost()
        client.connect(handle, at: now)
        var isQuiet = false
        while !isQuiet {
            let asked = timed(&cost.initiator) { datagrams(of: &client) }
            let answered = timed(&cost.responder) {
                hand(asked, to: &node)
                return datagrams(of: &node)
            }
            timed(&cost.initiator) { hand(answered, to: &client) }
            // Longer than an acknowledgement waits.
            now = now + .milliseconds(26)
            timed(&cost.initiator) { client.advance(to: now) }
            timed(&cost.responder) { node.advance(to: now) }
            isQuiet = asked.isEmpty && answered.isEmpty
        }
        guard client.status(of: handle)?.isConnected == true else { throw BenchError("the nodes do not connect") }
        return cost
    }

    /// Everything that `sender` has to send, packet by packet.
    private func datagrams(of sender: inout Node) -> [(bytes: [UInt8], from: Endpoint, to: Endpoint)] {
        var found: [(bytes: [UInt8], from: Endpoint, to: Endpoint)] = []
        while true {
            var writer = PacketWriter(packets)
            guard let transmit = sender.pollTransmit(into: &writer, maxSegments: 1, at: now) else { return found }
            found.append((Array(packets[..<transmit.byteCount]), transmit.source, transmit.destination))
        }
    }

    private func hand(_ datagrams: [(bytes: [UInt8], from: Endpoint, to: Endpoint)], to receiver: inout Node) {
        for (bytes, source, destination) in datagrams {
            receiver.receive(bytes.span.bytes, from: source, to: destination, ecn: .notECT, at: now)
        }
        while receiver.pollEvent() != nil {}
    }

    /// Adds the microseconds of processor time that `body` takes to `sum`.
    @discardableResult
    private func timed<Result>(_ sum: inout Double, _ body: () -> Result) -> Result {
        let start = threadSeconds()
        defer { sum += (threadSeconds() - start) * 1e6 }
        return body()
    }
}

/// Memory of this process that is in use, in bytes.
func residentBytes() throws -> Int {
    // proc(5): the second number of statm counts resident pages.
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { throw BenchError("/proc/self/statm cannot be read") }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
}
