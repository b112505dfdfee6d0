import PosternModel
import Simulation
import Testing

@Suite struct EventQueueTests {
    @Test func `entries come out by time and, at the same instant, in the order they went in`() {
        var queue = EventQueue<Int>()
        var random = SeededRandom(seed: 9)
        var expected: [(at: Int64, order: Int)] = []
        for order in 0..<1000 {
            let at = Int64(random.below(50))
            queue.add(order, at: Instant(nanoseconds: at))
            expected.append((at, order))
        }
        expected.sort { ($0.at, $0.order) < ($1.at, $1.order) }
        var seen: [Int] = []
        while let next = queue.takeFirst() { seen.append(next.item) }
        #expect(seen == expected.map(\.order))
        #expect(queue.earliest == nil && queue.count == 0)
    }
}

@Suite struct SeededRandomTests {
    @Test func `the generator yields the reference numbers of xoshiro256 star star`() {
        // Seeded with SplitMix64 from 0, as the reference implementation prints.
        var random = SeededRandom(seed: 0)
        #expect(random.next() == 0x99ec_5f36_cb75_f2b4)
        #expect(random.next() == 0xbf6e_1f78_4956_452a)
        #expect(random.next() == 0x1a5f_849d_4933_e6e0)
    }

    @Test func `sources for different purposes do not disturb each other`() {
        var links = SeededRandom(seed: 1, purpose: .links)
        var alone = SeededRandom(seed: 1, purpose: .links)
        var faults = SeededRandom(seed: 1, purpose: .faults)
        let mixed = (0..<10).map { _ in
            _ = faults.next()
            return links.next()
        }
        #expect(mixed == (0..<10).map { _ in alone.next() })
    }

    @Test func `numbers stay in their range and reach both its ends`() {
        var random = SeededRandom(seed: 3)
        let numbers = (0..<1000).map { _ in random.number(in: 3...7) }
        #expect(Set(numbers) == [3, 4, 5, 6, 7])
    }
}

@Suite struct ContentTests {
    @Test func `any piece of a content is the same as that piece of the whole`() {
        let content = Content(seed: 1, tag: ContentTag(5), direction: .up)
        let whole = content.bytes(0..<1000)
        var random = SeededRandom(seed: 1)
        for _ in 0..<200 {
            let start = random.below(1000)
            let end = start + random.below(1001 - start)
            #expect(content.bytes(start..<end) == Array(whole[start..<end]))
        }
    }

    @Test func `contents of other tags, directions and seeds differ`() {
        let contents = [
            Content(seed: 1, tag: ContentTag(5), direction: .up),
            Content(seed: 1, tag: ContentTag(5), direction: .down),
            Content(seed: 1, tag: ContentTag(6), direction: .up), Content(seed: 2, tag: ContentTag(5), direction: .up),
        ]
        #expect(Set(contents.map { $0.bytes(0..<32) }).count == 4)
    }

    @Test func `a tag survives its header and nothing else passes for one`() {
        #expect(ContentTag(header: ContentTag(77).header) == ContentTag(77))
        #expect(ContentTag(header: Array(ContentTag(77).header.dropLast())) == nil)
        #expect(ContentTag(header: [UInt8](repeating: 1, count: 16)) == nil)
    }
}

@Suite struct HostClockTests {
    @Test(arguments: [-1000, -37, 0, 1, 300, 1000] as [Int64])
    func `an instant of the host is the first of the world at which the host's clock shows it`(drift: Int64) {
        let clock = HostClock(origin: Instant(nanoseconds: 123_456_789), drift: drift, wall: 0)
        var random = SeededRandom(seed: 4)
        for _ in 0..<500 {
            let local = Instant(nanoseconds: 123_456_789 + Int64(random.below(4_000_000_000_000)))
            let world = clock.world(local)
            #expect(clock.local(world) >= local)
            #expect(clock.local(Instant(nanoseconds: world.nanoseconds - 1)) < local)
        }
    }

    @Test func `a drifting clock gains what its drift says`() {
        let clock = HostClock(origin: Instant(nanoseconds: 0), drift: 300, wall: 0)
        #expect(clock.local(Instant(nanoseconds: 1_000_000_000)) == Instant(nanoseconds: 1_000_300_000))
    }

    @Test func `standing still holds the monotonic clock back and leaves the wall clock alone`() {
        var clock = HostClock(origin: Instant(nanoseconds: 0), drift: 0, wall: 1_000)
        clock.standStill(for: .seconds(600))
        let time = Instant(nanoseconds: 700_000_000_000)
        #expect(clock.local(time) == Instant(nanoseconds: 100_000_000_000))
        #expect(clock.wall(time) == 700_000_001_000)
        clock.stepWall(by: .seconds(-60))
        #expect(clock.wall(time) == 640_000_001_000)
    }
}
