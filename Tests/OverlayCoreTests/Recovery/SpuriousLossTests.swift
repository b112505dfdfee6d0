import Testing

@testable import OverlayCore

@Suite("Losses that were none, and the work for an acknowledgement")
struct SpuriousLossTests {
    @Test func `a packet that arrives after it was declared lost is told and counts no more as lost`() {
        let world = RecoveryWorld()
        for time in 0..<5 as Range<Int64> { world.send(at: time) }
        #expect(world.acknowledge(4...4, at: 50).lost == [0, 1])
        #expect(world.path.delivery.lost == 2000)
        let late = world.acknowledge(4...4, 1...1, at: 51)
        #expect(late.acknowledged == [1])
        #expect(late.outcome.spuriousLossCount == 1)
        #expect(world.path.delivery.lost == 1000)
        #expect(world.path.delivery.delivered == 2000)
        #expect(world.acknowledge(4...4, 1...1, at: 52).acknowledged == [])
    }

    @Test func `the reduction for losses that were none is undone, and only for all of them`() {
        let world = RecoveryWorld()
        for time in 0..<5 as Range<Int64> { world.send(at: time) }
        let window = world.path.congestion.window
        _ = world.acknowledge(4...4, at: 50)
        #expect(world.path.congestion.window < window)
        _ = world.acknowledge(4...4, 1...1, at: 51)
        #expect(world.path.congestion.window < window)
        _ = world.acknowledge(4...4, 0...1, at: 52)
        #expect(world.path.congestion.window == window)
    }

    // RFC 8985 §6.2
    @Test func `a path that reorders gets more patience, until sixteen loss episodes passed without`() {
        let world = RecoveryWorld()
        for time in 0..<10 as Range<Int64> { world.send(at: time) }
        _ = world.acknowledge(9...9, at: 50)
        _ = world.acknowledge(9...9, 0...8, at: 51)
        #expect(world.recovery.tolerance.packets == 10)
        #expect(world.recovery.tolerance.eighths == 9)
        var time: Int64 = 1000
        for episode in 1...16 {
            let first = world.recovery.packets.next
            for _ in 0...10 { world.send(at: time) }
            #expect(world.acknowledge(first + 9...first + 9, at: time + 50).lost == [])
            #expect(world.acknowledge(first + 1...first + 10, at: time + 50).lost == [first])
            #expect(world.recovery.tolerance.packets == (episode < 16 ? 10 : 3))
            time += 1000
        }
    }

    @Test func `a packet that took longer than time allowed widens the time`() {
        let world = RecoveryWorld(roundTrip: 80)
        world.send(at: 0)
        world.send(at: 10)
        _ = world.acknowledge(1...1, at: 80)
        #expect(world.detect(at: 90) == [0])
        _ = world.acknowledge(0...1, at: 95)
        #expect(world.recovery.tolerance.eighths == 11)
        #expect(world.recovery.tolerance.packets == 3)
    }

    @Test func `what was declared lost is remembered for two probe time-outs`() {
        let world = RecoveryWorld()
        for time in 0..<4 as Range<Int64> { world.send(at: time) }
        #expect(world.acknowledge(3...3, at: 50).lost == [0])
        #expect(world.recovery.lostPackets.count == 1)
        #expect(world.detect(at: 200) == [1, 2])
        #expect(world.recovery.lostPackets.count == 3)
        // One probe time-out is 100 + 4 · 37.5 + 25 ms.
        _ = world.detect(at: 749)
        #expect(world.recovery.lostPackets.count == 2)
        _ = world.detect(at: 5000)
        #expect(world.recovery.lostPackets.count == 0)
        #expect(world.acknowledge(0...3, at: 5001).acknowledged == [])
    }

    @Test func `an acknowledgement costs what is new in it, with 20 000 packets in flight and 1 % lost`() {
        let world = RecoveryWorld(roundTrip: 100)
        let count: UInt64 = 20_000
        for number in 0..<count { world.send(at: Int64(number / 200)) }
        var known: [ClosedRange<UInt64>] = []
        for number in 0..<count where number % 100 != 50 {
            if let last = known.first, last.upperBound + 1 == number {
                known[0] = last.lowerBound...number
            } else {
                known.insert(number...number, at: 0)
            }
            // Every tenth packet is acknowledged, with as many ranges as a receiver remembers.
            guard number % 10 == 9 else { continue }
            let ranges = Array(known.prefix(32))
            var outcome = world.recovery.beginAck(largest: number, path: world.path)
            for range in ranges {
                world.recovery.acknowledge(range, path: world.path, at: .at(100), outcome: &outcome) { _ in }
            }
            world.recovery.finishAck(path: world.path, at: .at(100), outcome: &outcome) { _ in }
        }
        #expect(world.path.delivery.lost == 200 * 1000)
        // Each packet once when it is acknowledged and once when it is the oldest, each ACK frame a few more.
        #expect(world.recovery.visits < Int(count) * 4)
    }
}
