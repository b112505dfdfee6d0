import OverlayWire
import Testing

@testable import OverlayCore

/// The recovery of one path: packets of 1000 bytes leave, acknowledgements come.
struct RecoveryWorld {
    var recovery = LossRecovery(
        firstNumber: 0,
        maximumProbeTimeout: .seconds(2),
        peerMaxAckDelay: .milliseconds(25)
    )
    var path = Path.fresh()

    /// A path with this round trip in milliseconds, measured once.
    init(roundTrip: Int64? = 100) {
        if let roundTrip { path.roundTrip.sample(.milliseconds(roundTrip), ackDelay: .zero) }
    }

    mutating func send(at time: Int64, isTracked: Bool = true, path serial: UInt32 = 1) {
        recovery.add(.newIndex(sequence: recovery.packets.next))
        recovery.file(sentAt: .at(time), byteCount: 1000, isTracked: isTracked, pathSerial: serial, isAppLimited: false)
    }

    /// Takes an acknowledgement of the ranges, highest first. Returns it with the numbers of the packets it told about.
    mutating func acknowledge(
        _ ranges: ClosedRange<UInt64>...,
        at time: Int64
    ) -> (outcome: LossRecovery.Outcome, acknowledged: [UInt64], lost: [UInt64]) {
        var outcome = recovery.beginAck(largest: ranges[0].upperBound, path: path)
        var acknowledged: [UInt64] = []
        var lost: [UInt64] = []
        for range in ranges {
            recovery.acknowledge(range, pathSerial: path.serial, outcome: &outcome) { acknowledged.append($0.number) }
        }
        recovery.finishAck(largest: ranges[0].upperBound, path: path, at: .at(time), outcome: &outcome) {
            lost.append($0.number)
        }
        return (outcome, acknowledged, lost)
    }

    mutating func detect(at time: Int64) -> (summary: LossRecovery.LossSummary, lost: [UInt64]) {
        var lost: [UInt64] = []
        let summary = recovery.detectLosses(path: path, at: .at(time)) { lost.append($0.number) }
        return (summary, lost)
    }

    var deadline: Instant? { recovery.deadline(path: path) }
}

extension SentFrame {
    /// The number by which `RecoveryWorld` marks the packet.
    fileprivate var number: UInt64 {
        if case .newIndex(let sequence) = self { sequence } else { .max }
    }
}

@Suite("Loss recovery")
struct LossRecoveryTests {
    @Test func `acknowledged packets are told once, with their bytes`() {
        var world = RecoveryWorld()
        for time in 0..<5 as Range<Int64> { world.send(at: time) }
        #expect(world.recovery.hasOutstanding)
        let first = world.acknowledge(2...3, 0...0, at: 50)
        #expect(Set(first.acknowledged) == [0, 2, 3])
        #expect(first.outcome.ackedBytes == 3000)
        #expect(first.outcome.largestSentAt == .at(3))
        let again = world.acknowledge(1...4, at: 51)
        #expect(Set(again.acknowledged) == [1, 4])
        #expect(again.outcome.ackedBytes == 2000)
        #expect(!world.recovery.hasOutstanding)
        #expect(world.acknowledge(0...4, at: 52).acknowledged == [])
    }

    // RFC 9002 §6.1.1
    @Test func `a packet is lost when one three numbers later has arrived`() {
        var world = RecoveryWorld()
        for _ in 0..<4 { world.send(at: 0) }
        #expect(world.acknowledge(2...2, at: 50).lost == [])
        let result = world.acknowledge(3...3, at: 50)
        #expect(result.lost == [0])
        #expect(result.outcome.lost.byteCount == 1000)
        #expect(result.outcome.lost.packetCount == 1)
        #expect(world.recovery.hasOutstanding)
    }

    // RFC 9002 §6.1.2
    @Test func `a packet is lost nine eighths of a round trip after it left, if a later one arrived`() {
        var world = RecoveryWorld(roundTrip: 80)
        world.send(at: 0)
        world.send(at: 10)
        #expect(world.acknowledge(1...1, at: 80).lost == [])
        #expect(world.recovery.isLossPending)
        #expect(world.deadline == .at(90))
        #expect(world.detect(at: 89).lost == [])
        #expect(world.detect(at: 90).lost == [0])
        #expect(!world.recovery.isLossPending)
        #expect(world.deadline == nil)
    }

    @Test func `a packet above all acknowledged ones is never lost`() {
        var world = RecoveryWorld()
        world.send(at: 0)
        world.send(at: 0)
        _ = world.acknowledge(0...0, at: 50)
        #expect(world.detect(at: 1_000_000).lost == [])
        #expect(world.recovery.hasOutstanding)
    }

    // RFC 9002 §6.2.1
    @Test func `the probe time-out doubles up to two seconds, and an acknowledgement resets it`() {
        var world = RecoveryWorld()
        #expect(world.deadline == nil)
        world.send(at: 1000)
        // 100 + 4 * 50 + 25
        var waits: [Int64] = []
        for _ in 0..<12 {
            waits.append(((world.deadline ?? .at(0)) - .at(1000)).nanoseconds / 1_000_000)
            world.recovery.probe()
        }
        #expect(waits == [325, 650, 1300] + Array(repeating: 2000, count: 9))
        #expect(world.recovery.probesOwed == 2)
        world.send(at: 5000)
        #expect(world.recovery.probesOwed == 1)
        _ = world.acknowledge(0...0, at: 5010)
        #expect(world.recovery.probeCount == 0)
        #expect(world.recovery.probesOwed == 0)
        #expect(world.deadline == .at(5325))
    }

    @Test func `packets that need not arrive start no timer`() {
        var world = RecoveryWorld()
        world.send(at: 0, isTracked: false)
        #expect(!world.recovery.hasOutstanding)
        #expect(world.deadline == nil)
        #expect(world.recovery.lastSentAt == nil)
    }

    @Test func `the oldest outstanding packet is what a probe repeats`() {
        var world = RecoveryWorld()
        for time in 0..<4 as Range<Int64> { world.send(at: time) }
        _ = world.acknowledge(0...0, at: 10)
        var repeated: [UInt64] = []
        world.recovery.oldestFrames { repeated.append($0.number) }
        #expect(repeated == [1])
        #expect(world.recovery.hasOutstanding)
    }

    @Test func `since when an answer is missing is known`() {
        var world = RecoveryWorld()
        world.send(at: 100)
        world.send(at: 200)
        #expect(world.recovery.waitingSince == .at(100))
        _ = world.acknowledge(0...0, at: 250)
        #expect(world.recovery.waitingSince == .at(250))
        _ = world.acknowledge(1...1, at: 260)
        world.send(at: 900)
        #expect(world.recovery.waitingSince == .at(900))
    }

    @Test func `a packet whose fate the handshake told is settled once`() {
        var world = RecoveryWorld()
        world.send(at: 0)
        var told: [UInt64] = []
        world.recovery.settle(0) { told.append($0.number) }
        world.recovery.settle(0) { told.append($0.number) }
        world.recovery.settle(9) { told.append($0.number) }
        #expect(told == [0])
        #expect(!world.recovery.hasOutstanding)
    }

    @Test func `packets of another path count neither for its window nor for its losses`() {
        var world = RecoveryWorld()
        for _ in 0..<3 { world.send(at: 0, path: 7) }
        for _ in 0..<3 { world.send(at: 0) }
        let result = world.acknowledge(5...5, 1...1, at: 50)
        #expect(Set(result.acknowledged) == [1, 5])
        #expect(result.outcome.ackedBytes == 1000)
        #expect(Set(result.lost) == [0, 2])
        #expect(result.outcome.lost.byteCount == 0)
        #expect(result.outcome.lost.latestSentAt == nil)
    }

    // MARK: Round trips (RFC 9002 §5.1)

    @Test func `a round trip is measured with the largest packet, also when it asked for no acknowledgement`() {
        var world = RecoveryWorld()
        world.send(at: 0)
        world.send(at: 20, isTracked: false)
        #expect(world.acknowledge(0...1, at: 60).outcome.roundTrip(at: .at(60)) == .milliseconds(40))
    }

    @Test func `an acknowledgement of nothing new measures nothing`() {
        var world = RecoveryWorld()
        for _ in 0..<3 { world.send(at: 0) }
        _ = world.acknowledge(2...2, at: 50)
        #expect(world.acknowledge(1...2, at: 60).outcome.roundTrip(at: .at(60)) == nil)
        #expect(world.acknowledge(0...2, at: 60).outcome.roundTrip(at: .at(60)) == nil)
    }

    @Test func `packets that ask for no acknowledgement alone measure nothing`() {
        var world = RecoveryWorld()
        world.send(at: 0)
        world.send(at: 0)
        _ = world.acknowledge(1...1, at: 10)
        world.send(at: 20, isTracked: false)
        #expect(world.acknowledge(2...2, at: 60).outcome.roundTrip(at: .at(60)) == nil)
    }

    @Test func `a packet of another path measures nothing`() {
        var world = RecoveryWorld()
        world.send(at: 0, path: 7)
        #expect(world.acknowledge(0...0, at: 60).outcome.roundTrip(at: .at(60)) == nil)
    }

    // MARK: Persistent congestion (RFC 9002 §7.6)

    @Test func `losses of everything for three probe time-outs are persistent congestion`() {
        var world = RecoveryWorld()
        // Three times 325 ms have to pass between the first and the last loss.
        for time in [0, 400, 800, 976] as [Int64] { world.send(at: time) }
        for _ in 0..<3 { world.send(at: 1200) }
        let result = world.acknowledge(6...6, at: 1300)
        #expect(result.lost == [0, 1, 2, 3])
        #expect(result.outcome.lost.isPersistent)
    }

    @Test func `losses within three probe time-outs are not persistent congestion`() {
        var world = RecoveryWorld()
        for time in [0, 400, 800, 975] as [Int64] { world.send(at: time) }
        for _ in 0..<3 { world.send(at: 1200) }
        #expect(!world.acknowledge(6...6, at: 1300).outcome.lost.isPersistent)
    }

    @Test func `one packet that arrived in between speaks against persistent congestion`() {
        var world = RecoveryWorld()
        for time in [0, 400, 800, 976] as [Int64] { world.send(at: time) }
        for _ in 0..<3 { world.send(at: 1200) }
        let result = world.acknowledge(6...6, 2...2, at: 1300)
        #expect(Set(result.lost) == [0, 1, 3])
        #expect(!result.outcome.lost.isPersistent)
    }

    @Test func `before the first round trip is measured nothing is persistent`() {
        var world = RecoveryWorld(roundTrip: nil)
        for time in [0, 5000, 5000, 5000, 5000] as [Int64] { world.send(at: time) }
        var outcome = world.recovery.beginAck(largest: 4, path: world.path)
        world.recovery.acknowledge(4...4, pathSerial: 1, outcome: &outcome) { _ in }
        // The session measures with the same frame, before it looks for losses.
        world.path.roundTrip.sample(.milliseconds(100), ackDelay: .zero)
        world.recovery.finishAck(largest: 4, path: world.path, at: .at(5100), outcome: &outcome) { _ in }
        #expect(outcome.lost.packetCount == 2)
        #expect(!outcome.lost.isPersistent)
    }

    @Test(arguments: 0..<30)
    func `every packet is told exactly once, as arrived or lost`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var world = RecoveryWorld(roundTrip: 20)
        var open: Set<UInt64> = []
        var told: Set<UInt64> = []
        var time: Int64 = 0
        for _ in 0..<2000 {
            time += Int64.random(in: 0..<10, using: &random)
            if open.isEmpty || Int.random(in: 0..<3, using: &random) > 0 {
                let isTracked = Int.random(in: 0..<5, using: &random) > 0
                if isTracked { open.insert(world.recovery.packets.next) }
                world.send(at: time, isTracked: isTracked)
            } else {
                let next = world.recovery.packets.next
                let high = UInt64.random(in: next - min(next, 8)..<next, using: &random)
                let low = high - UInt64.random(in: 0...min(high, 4), using: &random)
                let result = world.acknowledge(low...high, at: time)
                for number in result.acknowledged + result.lost {
                    #expect(open.remove(number) != nil)
                    #expect(told.insert(number).inserted)
                }
                #expect(result.acknowledged.allSatisfy { (low...high).contains($0) })
            }
            #expect(world.recovery.hasOutstanding == !open.isEmpty)
        }
        #expect(!told.isEmpty)
    }
}
