import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// Floods of first messages: what they cost, and that others get through meanwhile.
@Suite("Floods")
struct FloodTests {
    private static let stranger = Endpoint.ipv4(address: 0x0a09_0909, port: 9)

    /// A first message to `receiver` with a right first MAC and nothing else that is right; `number` makes it unique.
    private func forged(_ number: Int, for receiver: NodeKey) -> [UInt8] {
        PacketWriter.bytes(capacity: PacketLayout.Initiation.byteCount) { writer in
            writer.append(PacketType.initiation.rawValue)
            writer.append(bigEndian: UInt32(7))
            writer.append(bigEndian: UInt64(number))
            writer.appendZeros(PacketLayout.Initiation.mac1.lowerBound - writer.count)
            HandshakeMAC.append(to: &writer, from: 0, key: HandshakeMAC.key(for: receiver))
            writer.appendZeros(HandshakeMAC.byteCount)
        }
    }

    /// Gives `count` forged messages to `b`, spread over `span` from the pair's present, from what `source` says.
    private func flood(
        _ pair: inout Pair,
        _ count: Int,
        over span: Interval = .seconds(1),
        from source: (Int) -> Endpoint
    ) {
        for number in 0..<count {
            pair.now = pair.now + span / Int64(count)
            pair.b.receive(
                forged(number, for: pair.keyB).span.bytes,
                from: source(number),
                to: Pair.addressB,
                ecn: .notECT,
                at: pair.now
            )
            pair.flush()
        }
    }

    /// What has to be sent now by `b`, by type.
    private func sentByB(_ pair: inout Pair) -> [UInt8: Int] {
        pair.flush()
        var counts: [UInt8: Int] = [:]
        for packet in pair.wire where !packet.toB { counts[packet.bytes[0], default: 0] += 1 }
        return counts
    }

    private func connect(_ pair: inout Pair) throws {
        let peer = pair.a.peer(with: pair.keyB)
        pair.a.connect(try #require(peer), at: pair.now)
    }

    @Test func `a flood from one address at a hundred times its limit costs its limit, and another peer gets through`()
        throws
    {
        var pair = try Pair()
        pair.isLost = { _, toB in !toB }
        flood(&pair, 10_000) { _ in Self.stranger }
        // The burst, and one second's worth.
        #expect((199...200).contains(pair.b.statistics.dropped.unauthentic))
        #expect(pair.b.statistics.cookiesSent + pair.b.statistics.dropped.unauthentic == 10_000)
        pair.isLost = { _, _ in false }
        try connect(&pair)
        pair.run(for: .milliseconds(25))
        #expect(pair.b.statistics.sessionsEstablished == 1)
    }

    @Test func `a flood from many addresses brings cookies, and a peer gets through with its first retry`() throws {
        var settings = NodeSettings.defaults
        settings.maxHandshakesPerSecond = 400
        settings.maxUnprovenHandshakesPerSecond = 5
        var pair = try Pair(settings: settings)
        pair.isLost = { _, toB in !toB }
        flood(&pair, 4000) { .ipv4(address: UInt32($0), port: 1) }
        #expect(pair.b.statistics.dropped.unauthentic < 600)
        flood(&pair, 100, over: .milliseconds(2)) { .ipv4(address: UInt32($0), port: 1) }
        pair.isLost = { _, _ in false }
        try connect(&pair)
        pair.run(for: .milliseconds(25))
        #expect(pair.b.statistics.sessionsEstablished == 0)
        for round in 0..<32 {
            flood(&pair, 40, over: .milliseconds(10)) { .ipv4(address: UInt32(1000 * (round + 10) + $0), port: 1) }
            pair.run(for: .zero)
        }
        #expect(pair.b.statistics.sessionsEstablished == 1)
        #expect(pair.a.statistics.handshakesStarted == 1)
    }

    @Test func `under load a first message comes back with its cookie and otherwise byte for byte`() throws {
        var settings = NodeSettings.defaults
        settings.maxHandshakesPerSecond = 8
        settings.maxUnprovenHandshakesPerSecond = 2
        var pair = try Pair(settings: settings)
        flood(&pair, 3, over: .zero) { .ipv4(address: UInt32($0), port: 1) }
        pair.wire = []
        try connect(&pair)
        pair.flush()
        let first = try #require(pair.wire.first { $0.toB })
        pair.wire.removeAll { !$0.toB }
        pair.run(for: .milliseconds(15))
        let cookies = pair.wire.filter { !$0.toB }.map(\.bytes)
        #expect(cookies.map { $0[0] } == [PacketType.cookie.rawValue])
        #expect(cookies.map(\.count) == [PacketLayout.Cookie.byteCount])
        pair.run(for: .milliseconds(284))
        pair.now = pair.now + .milliseconds(1)
        pair.a.advance(to: pair.now)
        pair.flush()
        let second = try #require(pair.wire.first { $0.toB })
        #expect(first.bytes.count == PacketLayout.Initiation.byteCount)
        #expect(second.bytes.dropLast(16) == first.bytes.dropLast(16))
        #expect(first.bytes.suffix(16).allSatisfy { $0 == 0 } && !second.bytes.suffix(16).allSatisfy { $0 == 0 })
        pair.run(for: .milliseconds(25))
        #expect(pair.b.statistics.sessionsEstablished == 1 && pair.a.statistics.sessionsEstablished == 1)
        // The copy without a cookie is still the same message: it is answered again, not anew.
        let answered = pair.b.statistics.handshakesAnswered
        pair.b.receive(first.bytes.span.bytes, from: Pair.addressA, to: Pair.addressB, ecn: .notECT, at: pair.now)
        #expect(sentByB(&pair)[PacketType.response.rawValue] == 1)
        #expect(pair.b.statistics.handshakesAnswered == answered)
    }

    @Test func `who does not know the key gets silence even under load`() throws {
        var settings = NodeSettings.defaults
        settings.maxHandshakesPerSource = 0
        var pair = try Pair(settings: settings)
        var packet = forged(1, for: pair.keyB)
        for position in [0, 5, 600, PacketLayout.Initiation.mac1.lowerBound] {
            packet[position] ^= 1
            pair.b.receive(packet.span.bytes, from: Self.stranger, to: Pair.addressB, ecn: .notECT, at: pair.now)
            packet[position] ^= 1
        }
        let short = Array(packet.dropLast())
        pair.b.receive(short.span.bytes, from: Self.stranger, to: Pair.addressB, ecn: .notECT, at: pair.now)
        pair.b.receive((packet + [0]).span.bytes, from: Self.stranger, to: Pair.addressB, ecn: .notECT, at: pair.now)
        #expect(sentByB(&pair).isEmpty)
        pair.b.receive(packet.span.bytes, from: Self.stranger, to: Pair.addressB, ecn: .notECT, at: pair.now)
        #expect(sentByB(&pair) == [PacketType.cookie.rawValue: 1])
    }

    @Test func `a cookie that is changed, late or for another handshake is dropped`() throws {
        var settings = NodeSettings.defaults
        settings.maxHandshakesPerSource = 0
        var pair = try Pair(settings: settings)
        try connect(&pair)
        pair.run(for: .milliseconds(15))
        let cookie = try #require(pair.wire.first { !$0.toB }).bytes
        pair.wire = []
        for position in 5..<cookie.count {
            var changed = cookie
            changed[position] ^= 1
            pair.a.receive(changed.span.bytes, from: Pair.addressB, to: Pair.addressA, ecn: .notECT, at: pair.now)
        }
        #expect(pair.a.statistics.dropped.unauthentic == UInt64(cookie.count - 5))
        var other = cookie
        other[2] ^= 1
        pair.a.receive(other.span.bytes, from: Pair.addressB, to: Pair.addressA, ecn: .notECT, at: pair.now)
        #expect(pair.a.statistics.dropped.unknownIndex == 1)
        for count in 0..<cookie.count where count != 0 {
            pair.a.receive(
                Array(cookie.prefix(count)).span.bytes,
                from: Pair.addressB,
                to: Pair.addressA,
                ecn: .notECT,
                at: pair.now
            )
        }
        #expect(pair.a.statistics.dropped.malformed == UInt64(cookie.count - 1))
        pair.run(for: .seconds(20))
        pair.a.receive(cookie.span.bytes, from: Pair.addressB, to: Pair.addressA, ecn: .notECT, at: pair.now)
        #expect(pair.a.statistics.dropped.unknownIndex >= 2)
    }
}
