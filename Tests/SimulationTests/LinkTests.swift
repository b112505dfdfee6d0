import OverlayWire
import PosternModel
import Simulation
import Testing

@Suite struct LinkTests {
    private func link(_ profile: LinkProfile, seed: UInt64 = 1) -> Link {
        Link(profile: profile, random: SeededRandom(seed: seed))
    }

    private func arrival(_ fate: Link.Fate) -> Instant? {
        guard case .carried(let carriage) = fate else { return nil }
        return carriage.arrival
    }

    @Test func `a datagram arrives after exactly the latency of a link without limits`() {
        var link = link(LinkProfile(latency: .milliseconds(20)))
        let sent = Instant(nanoseconds: 5_000)
        #expect(arrival(link.transmit(byteCount: 1200, at: sent)) == sent + .milliseconds(20))
        #expect(arrival(link.transmit(byteCount: 1, at: sent)) == sent + .milliseconds(20))
    }

    @Test func `a limited link serialises datagrams with their headers at its rate`() {
        var link = link(LinkProfile(latency: .milliseconds(1), megabitsPerSecond: 8, queueByteCount: 100_000))
        let start = Instant(nanoseconds: 0)
        // 972 + 28 bytes at 8 Mbit/s take 1 ms each.
        for count in 1...5 {
            #expect(arrival(link.transmit(byteCount: 972, at: start)) == start + .milliseconds(Int64(count) + 1))
        }
        #expect(link.queuedByteCount(at: start) == 5000)
        #expect(link.queuedByteCount(at: start + .milliseconds(2)) == 3000)
        #expect(link.queuedByteCount(at: start + .milliseconds(9)) == 0)
    }

    @Test func `a full queue drops the tail and takes more once it has drained`() {
        var link = link(LinkProfile(latency: .zero, megabitsPerSecond: 8, queueByteCount: 3000))
        let start = Instant(nanoseconds: 0)
        for _ in 0..<3 { #expect(arrival(link.transmit(byteCount: 972, at: start)) != nil) }
        #expect(link.transmit(byteCount: 972, at: start) == .dropped(.queueFull))
        #expect(arrival(link.transmit(byteCount: 972, at: start + .milliseconds(1))) == start + .milliseconds(4))
    }

    @Test func `a datagram beyond the MTU vanishes and one at the MTU passes`() {
        var link = link(LinkProfile(latency: .zero).with(\.mtu, 1300))
        #expect(link.transmit(byteCount: 1301, at: Instant(nanoseconds: 0)) == .dropped(.tooLarge))
        #expect(arrival(link.transmit(byteCount: 1300, at: Instant(nanoseconds: 0))) != nil)
    }

    @Test(arguments: [0.001, 0.02, 0.3, 1.0])
    func `random loss has the rate it is set to`(loss: Double) {
        var link = link(LinkProfile(latency: .zero).with(\.loss, loss), seed: 7)
        let count = 100_000
        let lost = (0..<count).count {
            link.transmit(byteCount: 100, at: Instant(nanoseconds: Int64($0))) == .dropped(.loss)
        }
        // Five standard deviations of a binomial distribution.
        let tolerance = 5 * (loss * (1 - loss) / Double(count)).squareRoot()
        #expect(abs(Double(lost) / Double(count) - loss) <= tolerance)
    }

    @Test func `burst loss has the mean rate and the run length of its channel`() {
        let burst = LinkProfile.Burst(begins: 0.01, ends: 0.25, loss: 1)
        var link = link(LinkProfile(latency: .zero).with(\.burst, burst), seed: 3)
        let count = 200_000
        var lost = 0
        var bursts = 0
        var isLosing = false
        for index in 0..<count {
            let isLost = link.transmit(byteCount: 100, at: Instant(nanoseconds: Int64(index))) == .dropped(.loss)
            if isLost { lost += 1 }
            if isLost, !isLosing { bursts += 1 }
            isLosing = isLost
        }
        // The channel is bad for begins / (begins + ends) of the time, in runs of 1 / ends.
        #expect(abs(Double(lost) / Double(count) - 0.01 / 0.26) < 0.004)
        #expect(abs(Double(lost) / Double(bursts) - 4) < 0.2)
    }

    @Test func `a burst of corruption has its share and loses nothing`() {
        let burst = LinkProfile.Burst(share: 0.3, meanLength: 3, loss: 0, corruption: 1)
        var link = link(LinkProfile(latency: .zero).with(\.burst, burst), seed: 6)
        let count = 100_000
        var corrupted = 0
        var bursts = 0
        var isCorrupting = false
        for index in 0..<count {
            let fate = link.transmit(byteCount: 100, at: Instant(nanoseconds: Int64(index)))
            guard case .carried(let carriage) = fate else {
                Issue.record("a datagram became \(fate)")
                return
            }
            let isCorrupted = carriage.corruption != nil
            if isCorrupted { corrupted += 1 }
            if isCorrupted, !isCorrupting { bursts += 1 }
            isCorrupting = isCorrupted
        }
        #expect(abs(Double(corrupted) / Double(count) - 0.3) < 0.02)
        #expect(abs(Double(corrupted) / Double(bursts) - 3) < 0.1)
    }

    @Test func `jitter stays in its bounds and keeps the order`() {
        var link = link(LinkProfile(latency: .milliseconds(10)).with(\.jitter, .milliseconds(5)), seed: 2)
        var last = Instant(nanoseconds: 0)
        var smallest = Interval.seconds(1)
        var largest = Interval.zero
        for index in 0..<1000 {
            let sent = Instant(nanoseconds: Int64(index) * 10_000_000)
            guard let arrival = arrival(link.transmit(byteCount: 100, at: sent)) else { continue }
            #expect(arrival >= last)
            last = arrival
            smallest = min(smallest, arrival - sent)
            largest = max(largest, arrival - sent)
        }
        #expect(smallest >= .milliseconds(10) && smallest < .microseconds(10_100))
        #expect(largest <= .milliseconds(15) && largest > .microseconds(14_900))
    }

    @Test func `reordering lets later datagrams overtake at its rate`() {
        let profile = LinkProfile(latency: .milliseconds(10))
            .with(\.reordering, 0.1)
            .with(\.reorderDelay, .milliseconds(10))
        var link = link(profile, seed: 4)
        let arrivals = (0..<10_000).compactMap { index in
            arrival(link.transmit(byteCount: 100, at: Instant(nanoseconds: Int64(index) * 100_000)))
        }
        let overtaken = zip(arrivals, arrivals.dropFirst()).count { $0 > $1 }
        #expect((800...1100).contains(overtaken))
    }

    @Test func `duplication and corruption have the rates they are set to`() {
        let profile = LinkProfile(latency: .zero).with(\.duplication, 0.05).with(\.corruption, 0.02)
        var link = link(profile, seed: 5)
        var duplicates = 0
        var corrupted = 0
        for index in 0..<50_000 {
            guard case .carried(let carriage) = link.transmit(byteCount: 100, at: Instant(nanoseconds: Int64(index)))
            else { continue }
            if carriage.secondArrival != nil { duplicates += 1 }
            if carriage.corruption != nil { corrupted += 1 }
        }
        #expect((2300...2700).contains(duplicates))
        #expect((850...1150).contains(corrupted))
    }

    @Test func `the same seed gives the same fates, another gives others`() {
        func fates(_ seed: UInt64) -> [Link.Fate] {
            var link = link(.absurd, seed: seed)
            return (0..<500).map { link.transmit(byteCount: 500, at: Instant(nanoseconds: Int64($0) * 20_000_000)) }
        }
        #expect(fates(11) == fates(11))
        #expect(fates(11) != fates(12))
    }

    @Test(arguments: LinkProfile.presets.map(\.name))
    func `every preset carries the smallest packet that all paths must carry`(name: String) throws {
        let profile = try #require(LinkProfile.presets.first { $0.name == name }).profile
        #expect(profile.mtu >= PacketLayout.basePathSize)
        #expect((0..<1).contains(profile.loss))
    }
}
