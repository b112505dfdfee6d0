import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// Who has a valid key aims this node at a third party, and what that gets of it (`Protocol.md` §4.8): bytes at a
/// victim that never answers.
@Suite struct ReflectionTests {
    private static let victim = Endpoint.ipv4(address: 0x0a00_0063, port: 53)

    /// A pair with a session; nobody takes part at `victims`.
    private func connected(
        _ victims: [Endpoint] = [Self.victim],
        settings: NodeSettings = .defaults,
        isStranger: Bool = false
    ) throws -> Pair {
        var settings = settings
        settings.acceptsUnknownPeers = isStranger
        var pair = try Pair(settings: settings, admitsBoth: !isStranger)
        let peer = pair.a.peer(with: pair.keyB)
        try pair.a.connect(#require(peer), at: pair.now)
        pair.run(for: .seconds(1))
        for victim in victims { pair.bystanders[victim] = [] }
        return pair
    }

    @Test(arguments: [false, true])
    func `one PING from a forged address is worth three times itself`(isStranger: Bool) throws {
        var pair = try connected(isStranger: isStranger)
        let byteCount = pair.forge(from: Self.victim) { $0.append(FrameType.ping) }
        pair.run(for: .seconds(30))
        #expect(byteCount == 26)
        let count = pair.reflectedCount
        let bytes = pair.reflectedBytes
        #expect(count > 0 && bytes <= 3 * byteCount)
    }

    @Test func `eight challenges in one packet are answered in one no larger`() throws {
        var pair = try connected()
        let byteCount = pair.forge(from: Self.victim) {
            for token in 0..<8 as Range<UInt64> { $0.appendPathToken(FrameType.pathChallenge, token) }
        }
        pair.run(for: .seconds(30))
        #expect(byteCount == 97)
        let sizes = pair.sizes(at: Self.victim)
        #expect(sizes == [97])
    }

    @Test func `a challenge in a full packet is answered in a full one`() throws {
        var pair = try connected()
        let byteCount = pair.forge(from: Self.victim) {
            $0.appendPathToken(FrameType.pathChallenge, 1)
            $0.appendZeros(PacketLayout.basePathSize - PacketLayout.Protected.overhead - PacketLayout.pathFrameSize)
        }
        pair.run(for: .seconds(30))
        let sizes = pair.sizes(at: Self.victim)
        #expect(sizes == [byteCount])
    }

    @Test func `challenges from many forged addresses get a few packets a second`() throws {
        let victims = (0..<200).map { Endpoint.ipv4(address: 0x0a00_0100 + $0, port: 53) }
        var pair = try connected(victims)
        let seconds = 10
        for _ in 0..<seconds {
            for victim in victims {
                _ = pair.forge(from: victim) {
                    $0.append(FrameType.ping)
                    $0.appendPathToken(FrameType.pathChallenge, 7)
                }
            }
            pair.run(for: .seconds(1))
        }
        let allowed = Int(UnprovenAddresses.burst) + seconds * 4
        let count = pair.reflectedCount
        #expect(count > 0 && count <= allowed)
    }

    @Test func `third parties that a peer calls its addresses get a handful of small packets`() throws {
        let victims = (0..<16).map { Endpoint.ipv4(address: 0x0a00_0100 + $0, port: 53) }
        var pair = try connected(victims)
        // As on a relay: a direct path is looked for.
        pair.aAtB.session?.path = nil
        for sequence in 100..<200 as Range<UInt64> {
            _ = pair.forge(from: Pair.addressA) { $0.appendCandidates(sequence: sequence, victims) }
            pair.run(for: .milliseconds(200))
        }
        let count = pair.reflectedCount
        #expect(count > 0)
        let packets = pair.bystanders
        #expect(packets.values.allSatisfy { $0.count <= UnprovenAddresses.handful })
        #expect(packets.values.joined().allSatisfy { $0.count == PathProbe.smallestPacket })
    }

    @Test func `no handshake goes where only the peer says it is`() throws {
        var pair = try connected()
        _ = pair.forge(from: Pair.addressA) { $0.appendCandidates(sequence: 100, [Self.victim]) }
        pair.isLost = { _, _ in true }
        _ = try pair.b.openStream(to: pair.aAtB.handle, port: VirtualPort(1), at: pair.now)
        pair.run(for: .seconds(60))
        let statistics = pair.b.statistics
        #expect(statistics.handshakesStarted > 0)
        let count = pair.reflectedCount
        let bytes = pair.reflectedBytes
        #expect(count > 0 && bytes <= 5 * PathProbe.smallestPacket)
    }

    @Test func `a stranger tells a hub no addresses`() throws {
        var pair = try connected(isStranger: true)
        _ = pair.forge(from: Pair.addressA) { $0.appendCandidates(sequence: 100, [Self.victim]) }
        let told = pair.aAtB.told
        #expect(told.isEmpty)
    }

    @Test(arguments: [
        "0.0.0.0:1", "127.0.0.1:1", "224.0.0.1:1", "255.255.255.255:1", "240.1.1.1:1", "169.254.1.1:1", "192.168.1.1:1",
        "172.16.0.1:1", "100.64.0.1:1", "8.8.8.8:0", "[::]:1", "[::1]:1", "[ff02::1]:1", "[fe80::1]:1", "[fd00::1]:1",
        "[::ffff:8.8.8.8]:1",
    ])
    func `addresses that make no sense here are refused by their class`(text: String) throws {
        var pair = try connected()
        let endpoint = try #require(Endpoint(text))
        _ = pair.forge(from: Pair.addressA) {
            $0.appendCandidates(sequence: 100, [endpoint, .ipv4(address: 0x0a01_0101, port: 1)])
        }
        // Its own network is that of both.
        let told = pair.aAtB.told.map(\.endpoint)
        #expect(told == [.ipv4(address: 0x0a01_0101, port: 1)])
    }

    @Test func `CANDIDATES that come late say nothing`() throws {
        var pair = try connected()
        let (old, new) = (Endpoint.ipv4(address: 0x0a01_0101, port: 1), Endpoint.ipv4(address: 0x0a01_0102, port: 1))
        _ = pair.forge(from: Pair.addressA) { $0.appendCandidates(sequence: 100, [new]) }
        _ = pair.forge(from: Pair.addressA) { $0.appendCandidates(sequence: 99, [old]) }
        let told = pair.aAtB.told.map(\.endpoint)
        #expect(told == [new])
    }
}
