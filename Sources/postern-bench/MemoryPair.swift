import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel

/// Two nodes of the core that exchange packets in memory, in virtual time: what remains is the cost of the core.
final class MemoryPair {
    private var client: Node
    private var server: Node
    private let serverHandle: PeerHandle
    private var now = Instant(nanoseconds: 1_000_000_000)
    private let packets = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_507, alignment: 64)
    private let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 64)
    private let sink = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 64)
    private var bulk: StreamHandle?
    private var kept: StreamHandle?
    private var answers = Answers.atEnd

    /// When the server answers with 300 bytes.
    private enum Answers {
        /// To a stream that ended; the answer is its end too.
        case atEnd
        /// To whatever came.
        case always
    }

    private static let clientEndpoint = Endpoint.ipv4(address: 0x0a00_0001, port: 1)
    private static let serverEndpoint = Endpoint.ipv4(address: 0x0a00_0002, port: 2)
    private static let port = VirtualPort(80)
    /// What fits into 1500 bytes with IPv6 and UDP (RFC 8200 §3, RFC 768): nearly every path on the Internet.
    static let packetSize = 1500 - 40 - 8
    /// Virtual time between two exchanges: the link has no limit but this delay.
    private static let step = Interval.microseconds(100)

    init() throws {
        let first = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        let second = try NodeIdentity(seed: Array(repeating: 2, count: 32))
        let seed = Array(repeating: UInt8(3), count: 32)
        var settings = NodeSettings.defaults
        settings.maxPacketSize = Self.packetSize
        let counters: Range<UInt64> = 1_800_000_000_000_000_000..<UInt64.max
        client = Node(identity: first, settings: settings, seed: seed, counters: counters)
        server = Node(identity: second, settings: settings, seed: seed, counters: counters)
        client.setLocalAddresses([Self.clientEndpoint], candidates: [], at: now)
        server.setLocalAddresses([Self.serverEndpoint], candidates: [], at: now)
        let toServer = PeerConfiguration(key: second.key, candidates: Candidate.hosts([Self.serverEndpoint]))
        let toClient = PeerConfiguration(key: first.key, candidates: Candidate.hosts([Self.clientEndpoint]))
        guard let handle = client.admit(toServer, at: now), server.admit(toClient, at: now) != nil else {
            throw BenchError("the nodes do not take each other as peers")
        }
        serverHandle = handle
        client.connect(serverHandle, at: now)
        payload.initializeMemory(as: UInt8.self, repeating: 0x42)
        for _ in 0..<20 { exchange() }
        guard client.status(of: serverHandle)?.isConnected == true else {
            throw BenchError("the nodes do not connect")
        }
    }

    deinit {
        packets.deallocate()
        payload.deallocate()
        sink.deallocate()
    }

    /// Packets that the client has sent so far.
    var packetsSent: UInt64 { client.statistics.packetsSent }

    /// Sends stream data until the client has sent `count` packets more.
    func sendBulk(packets count: Int) throws {
        let stream = try bulk ?? client.openStream(to: serverHandle, port: Self.port, at: now)
        bulk = stream
        let goal = packetsSent + UInt64(count)
        while packetsSent < goal {
            while try client.write(UnsafeRawBufferPointer(payload).bytes, to: stream, at: now) > 0 {}
            exchange()
        }
    }

    /// Makes `count` requests of 300 bytes, one after the other, each on a stream of its own and answered by 300 bytes.
    func call(requests count: Int) throws {
        let body = UnsafeRawBufferPointer(rebasing: payload[..<300])
        for _ in 0..<count {
            let stream = try client.openStream(to: serverHandle, port: Self.port, at: now)
            _ = try client.write(body.bytes, to: stream, at: now)
            client.finish(stream, at: now)
            exchange()
        }
    }

    /// Makes `count` requests of 300 bytes, one after the other, on one stream, each answered by 300 bytes.
    func callKept(requests count: Int) throws {
        let stream = try kept ?? client.openStream(to: serverHandle, port: Self.port, at: now)
        kept = stream
        answers = .always
        defer { answers = .atEnd }
        let body = UnsafeRawBufferPointer(rebasing: payload[..<300])
        for _ in 0..<count {
            _ = try client.write(body.bytes, to: stream, at: now)
            exchange()
        }
    }

    /// One virtual step: both sides send what they have, and hear what came.
    private func exchange() {
        now = now + Self.step
        if let deadline = client.nextDeadline, deadline <= now { client.advance(to: now) }
        if let deadline = server.nextDeadline, deadline <= now { server.advance(to: now) }
        deliver(from: &client, to: &server)
        handle(&server, answers: answers)
        deliver(from: &server, to: &client)
        handle(&client, answers: nil)
    }

    private func deliver(from sender: inout Node, to receiver: inout Node) {
        while true {
            var writer = PacketWriter(packets)
            guard let transmit = sender.pollTransmit(into: &writer, maxSegments: 64, at: now) else { return }
            var offset = 0
            while offset < transmit.byteCount {
                let end = min(offset + transmit.segmentSize, transmit.byteCount)
                let packet = UnsafeRawBufferPointer(rebasing: packets[offset..<end])
                receiver.receive(packet.bytes, from: transmit.source, to: transmit.destination, ecn: .notECT, at: now)
                offset = end
            }
        }
    }

    /// Reads whatever came, and answers it where `answers` says so.
    private func handle(_ node: inout Node, answers: Answers?) {
        while let event = node.pollEvent() {
            guard case .streamReadable(let stream) = event else { continue }
            while true {
                var writer = PacketWriter(sink)
                guard let result = try? node.read(stream, into: &writer, at: now) else { break }
                switch answers {
                case .atEnd where result.isAtEnd:
                    answer(stream, of: &node)
                    node.finish(stream, at: now)
                case .always where result.byteCount > 0: answer(stream, of: &node)
                case .atEnd, .always, nil: break
                }
                if result.isAtEnd || result.byteCount == 0 { break }
            }
        }
    }

    private func answer(_ stream: StreamHandle, of node: inout Node) {
        // A stream that is over already needs no answer.
        _ = try? node.write(UnsafeRawBufferPointer(rebasing: payload[..<300]).bytes, to: stream, at: now)
    }
}
