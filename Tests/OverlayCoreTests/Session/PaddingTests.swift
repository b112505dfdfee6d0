import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// `padding: buckets`.
@Suite struct PaddingTests {
    @Test func `whatever is sent, its packets have one of four sizes`() throws {
        let sizes = try self.sizes(isPadded: true)
        #expect(sizes.isSubset(of: Set(PaddedSize.buckets)), "\(sizes)")
        #expect(try self.sizes(isPadded: false).count > 10)
    }

    @Test(arguments: [
        (26, 1200, 128), (128, 1200, 128), (129, 1200, 512), (513, 1200, 1200), (1200, 1452, 1200), (1201, 1452, 1452),
        (300, 400, 400),
    ])
    func `a packet is padded to the next size, and never beyond the path`(byteCount: Int, limit: Int, padded: Int) {
        #expect(PaddedSize.of(byteCount, limit: limit) == padded)
    }

    /// The sizes of the protected packets between two nodes of which one says things of many lengths.
    private func sizes(isPadded: Bool) throws -> Set<Int> {
        var settings = NodeSettings.defaults
        settings.padsPackets = isPadded
        // Sizes are sought by probes of any size.
        settings.maxPacketSize = 1200
        var pair = try Pair(settings: settings)
        let known = pair.a.peer(with: pair.keyB)
        let peer = try #require(known)
        pair.a.connect(peer, at: pair.now)
        pair.run(for: .seconds(1))
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(9), at: pair.now)
        var seen: Set<Int> = []
        for byteCount in stride(from: 1, to: 2000, by: 61) {
            _ = try pair.a.write([UInt8](repeating: 7, count: byteCount).span.bytes, to: stream, at: pair.now)
            pair.flush()
            seen.formUnion(pair.wire.map(\.bytes).filter { $0.first == PacketType.protected.rawValue }.map(\.count))
            pair.run(for: .milliseconds(100))
        }
        return seen
    }
}
