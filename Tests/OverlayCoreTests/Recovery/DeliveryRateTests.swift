import PosternModel
import Testing

@testable import OverlayCore

@Suite("Delivery rate")
struct DeliveryRateTests {
    /// Packets of 1000 bytes on a path with a round trip of 100 ms.
    private struct World {
        var delivery = DeliveryRate()
        var packets: [SentPacket] = []
        var bytesInFlight = 0

        mutating func send(_ count: Int = 1, at time: Int64) {
            for _ in 0..<count {
                let stamp = delivery.stamp(byteCount: 1000, bytesInFlight: bytesInFlight, at: .at(time))
                bytesInFlight += 1000
                packets.append(
                    SentPacket(sentAt: .at(time), byteCount: 1000, isTracked: true, pathSerial: 1, stamp: stamp)
                )
            }
        }

        /// An ACK frame with these packets.
        mutating func acknowledge(_ numbers: [Int], at time: Int64) -> RateSample? {
            var measurement: DeliveryRate.Measurement?
            for number in numbers { delivery.deliver(packets[number], at: .at(time), into: &measurement) }
            bytesInFlight -= numbers.count * 1000
            return measurement.map { delivery.sample($0, minimum: .milliseconds(100)) }
        }
    }

    @Test func `packets that leave and arrive evenly show their rate`() {
        var world = World()
        for step in 0..<30 {
            if step >= 10 { _ = world.acknowledge([step - 10], at: Int64(step) * 10) }
            world.send(at: Int64(step) * 10)
        }
        let sample = world.acknowledge([20], at: 300)
        #expect(sample?.bytesPerSecond == 100_000)
        #expect(sample?.isAppLimited == false)
        #expect(sample?.bytesInFlight == 10_000)
    }

    @Test func `acknowledgements that come at once show no more than the rate of sending`() {
        var world = World()
        for step in 0..<30 as Range<Int64> { world.send(at: step * 10) }
        let sample = world.acknowledge(Array(0..<30), at: 400)
        // 30 packets in the 400 ms since the first left.
        #expect(sample?.bytesPerSecond == 75_000)
        world.send(at: 400)
        #expect(world.acknowledge([30], at: 500)?.bytesPerSecond == 10_000)
    }

    @Test func `a burst shows no more than the rate of arriving`() {
        var world = World()
        world.send(10, at: 0)
        for step in 0..<9 { _ = world.acknowledge([step], at: 110 + Int64(step) * 10) }
        #expect(world.acknowledge([9], at: 200)?.bytesPerSecond == 50_000)
    }

    @Test func `the packet that left last is measured, in whatever order a frame has them`() {
        var world = World()
        for step in 0..<10 as Range<Int64> { world.send(at: step * 10) }
        let sample = world.acknowledge([8, 9, 1, 2, 3], at: 190)
        #expect(sample?.bytesInFlight == 10_000)
    }

    @Test func `less time than a round trip tells no rate`() {
        var world = World()
        world.send(2, at: 0)
        #expect(world.acknowledge([0], at: 99)?.bytesPerSecond == nil)
        #expect(world.acknowledge([1], at: 100)?.bytesPerSecond == 20_000)
    }

    @Test func `what leaves after the application ran dry says so, until all of it has arrived`() {
        var world = World()
        world.send(2, at: 0)
        world.delivery.noteAppLimited(bytesInFlight: 2000)
        world.send(at: 50)
        #expect(world.acknowledge([0, 1], at: 100)?.isAppLimited == false)
        world.send(at: 110)
        #expect(world.acknowledge([2], at: 150)?.isAppLimited == true)
        world.send(at: 160)
        #expect(world.acknowledge([3], at: 210)?.isAppLimited == true)
        #expect(world.acknowledge([4], at: 260)?.isAppLimited == false)
    }

    @Test func `losses since a packet left are counted, and taken back when they were none`() {
        var world = World()
        world.send(5, at: 0)
        world.delivery.lose(world.packets[0])
        world.delivery.lose(world.packets[1])
        #expect(world.acknowledge([4], at: 100)?.lost == 2000)
        world.delivery.noteSpuriousLoss(world.packets[1], at: .at(101))
        #expect(world.delivery.lost == 1000)
        #expect(world.delivery.delivered == 2000)
        #expect(world.acknowledge([3], at: 110)?.lost == 1000)
    }
}
