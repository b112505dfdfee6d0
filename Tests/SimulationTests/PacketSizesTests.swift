import OverlayCore
import PosternModel
import Simulation
import Testing

/// Path MTU discovery in a world whose links change (RFC 8899).
struct PacketSizesTests {
    @Test func `a stream follows what its path carries, and outlives each loss of size within half a second`() throws {
        let scenario = Scenario.packetSizes(seed: 1)
        let world = try World(scenario)
        var deliveries: [(at: Instant, byteCount: Int)] = []
        var oversized: [(at: Instant, byteCount: Int)] = []
        world.observePackets { record in
            switch record.step {
            case .delivered where record.byteCount > 1000:
                deliveries.append((record.at, record.byteCount))
            case .dropped where record.note == DropReason.tooLarge.rawValue:
                oversized.append((record.at, record.byteCount))
            case .sent, .dropped, .delivered:
                break
            }
        }
        try world.run(until: Instant(nanoseconds: scenario.safetySpan.nanoseconds))
        #expect(try #require(world.streams.record(ContentTag(1))).isComplete)

        let changes = Scenario.sizeChanges.map { (at: Instant(nanoseconds: $0.at.nanoseconds), carries: $0.carries) }
        for (index, change) in changes.enumerated() {
            let end = index + 1 < changes.count ? changes[index + 1].at : try #require(deliveries.last).at
            let during = deliveries.filter { $0.at > change.at + .milliseconds(50) && $0.at < end }
            // Found within the time that the path stays as it is, down to what a search may leave.
            #expect(during.suffix(20).map(\.byteCount).max() ?? 0 > change.carries - 21)
            var last = change.at
            for delivery in during {
                #expect(delivery.at - last < .milliseconds(500))
                last = delivery.at
            }
            // Some windows of packets are lost to a change; afterwards only probes are, for a thirty-second of the
            // rest.
            let settled = oversized.filter { $0.at > change.at + .seconds(1) && $0.at < end }
            let carried = during.reduce(0) { $0 + $1.byteCount }
            #expect(settled.reduce(0) { $0 + $1.byteCount } < carried / 24)
        }
    }
}
