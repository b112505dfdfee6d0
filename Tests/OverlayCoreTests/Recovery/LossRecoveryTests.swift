import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// The recovery of one path: packets of 1000 bytes leave, acknowledgements come.
final class RecoveryWorld {
    var recovery = LossRecovery(
        firstNumber: 0,
        maximumProbeTimeout: .seconds(2),
        peerMaxAckDelay: .milliseconds(25)
    )
    var path = Path.fresh()

    /// A path with this round trip in milliseconds, measured once.
    init(roundTrip: Int64? = 100) {
        if let roundTrip { path.measure(.milliseconds(roundTrip), ackDelay: .zero, at: .at(-1)) }
    }

    func send(at time: Int64, isTracked: Bool = true, path other: Path? = nil) {
        recovery.add(.newIndex(sequence: recovery.packets.next))
        recovery.file(sentAt: .at(time), byteCount: 1000, isTracked: isTracked, path: other ?? path)
    }

    /// Takes an acknowledgement of the ranges, highest first. Returns it with the numbers of the packets it told about.
    func acknowledge(
        _ ranges: ClosedRange<UInt64>...,
        at time: Int64
    ) -> (outcome: LossRecovery.Outcome, acknowledged: [UInt64], lost: [UInt64]) {
        var outcome = recovery.beginAck(largest: ranges[0].upperBound, path: path)
        var acknowledged: [UInt64] = []
        var lost: [UInt64] = []
        for range in ranges {
            recovery.acknowledge(range, path: path, at: .at(time), outcome: &outcome) {
                acknowledged.append($0.number)
            }
        }
        recovery.finishAck(path: path, at: .at(time), outcome: &outcome) { lost.append($0.number) }
        return (outcome, acknowledged, lost)
    }

    /// Lets time pass without an acknowledgement. Returns the numbers of the packets that are lost by it.
    func detect(at time: Int64) -> [UInt64] {
        var lost: [UInt64] = []
        _ = recovery.detectLosses(path: path, at: .at(time)) { lost.append($0.number) }
        return lost
    }

    /// A probe time-out. Returns the numbers of the packets whose frames it repeats.
    func probe(at time: Int64 = 1000) -> [UInt64] {
        var repeated: [UInt64] = []
        recovery.probe(at: .at(time)) { repeated.append($0.number) }
        return repeated
    }

    var deadline: Instant? { recovery.deadline(path: path) }
}

extension SentFrame {
    /// The number by which `RecoveryWorld` marks the packet.
    var number: UInt64 {
        if case .newIndex(let sequence) = self { sequence } else { .max }
    }
}

@Suite("Loss recovery")
struct LossRecoveryTests {
    @Test func `acknowledged packets are told once, with their bytes`() {
        let world = RecoveryWorld()
        for time in 0..<5 as Range<Int64> { world.send(at: time) }
        #expect(world.recovery.hasOutstanding == true)
        let first = world.acknowledge(2...3, 0...0, at: 50)
        #expect(Set(first.acknowledged) == [0, 2, 3])
        #expect(first.outcome.ackedBytes == 3000)
        #expect(first.outcome.largestSentAt == .at(3))
        let again = world.acknowledge(1...4, at: 51)
        #expect(Set(again.acknowledged) == [1, 4])
        #expect(again.outcome.ackedBytes == 2000)
        #expect(world.recovery.hasOutstanding == false)
        #expect(world.acknowledge(0...4, at: 52).acknowledged == [])
    }

    // RFC 9002 §6.1.1
    @Test func `a packet is lost when one three numbers later has arrived`() {
        let world = RecoveryWorld()
        for _ in 0..<4 { world.send(at: 0) }
        #expect(world.acknowledge(2...2, at: 50).lost == [])
        let result = world.acknowledge(3...3, at: 50)
        #expect(result.lost == [0])
        #expect(result.outcome.lostCount == 1)
        #expect(world.path.delivery.lost == 1000)
        #expect(world.path.bytesInFlight == 1000)
        #expect(world.recovery.hasOutstanding == true)
    }

    // RFC 9002 §6.1.2
    @Test func `a packet is lost nine eighths of a round trip after it left, if a later one arrived`() {
        let world = RecoveryWorld(roundTrip: 80)
        world.send(at: 0)
        world.send(at: 10)
        #expect(world.acknowledge(1...1, at: 80).lost == [])
        #expect(world.recovery.isLossPending == true)
        #expect(world.deadline == .at(90))
        #expect(world.detect(at: 89) == [])
        #expect(world.detect(at: 90) == [0])
        #expect(world.recovery.isLossPending == false)
        #expect(world.deadline == nil)
    }

    @Test func `a packet above all acknowledged ones is never lost`() {
        let world = RecoveryWorld()
        world.send(at: 0)
        world.send(at: 0)
        _ = world.acknowledge(0...0, at: 50)
        #expect(world.detect(at: 1_000_000) == [])
        #expect(world.recovery.hasOutstanding == true)
    }

    // RFC 9002 §6.2.1
    @Test func `the probe time-out doubles up to two seconds, and an acknowledgement resets it`() {
        let world = RecoveryWorld()
        #expect(world.deadline == nil)
        world.send(at: 1000)
        // 100 + 4 * 50 + 25
        var waits: [Int64] = []
        for _ in 0..<12 {
            waits.append(((world.deadline ?? .at(0)) - .at(1000)).nanoseconds / 1_000_000)
            _ = world.probe()
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

    @Test func `the probe time-out is never shorter than the path needs to answer`() {
        let world = RecoveryWorld()
        world.path.measure(.seconds(3), ackDelay: .zero, at: .at(0))
        world.send(at: 1000)
        let base = world.path.roundTrip.probeTimeout(maxAckDelay: .milliseconds(25))
        #expect(base > .seconds(2))
        #expect(world.deadline == .at(1000) + base)
        _ = world.probe(at: 2000)
        #expect(world.deadline == .at(1000) + base)
    }

    // RFC 8085 §3.1.1
    @Test func `after thirty seconds of silence single packets leave, ever more seldom`() {
        let world = RecoveryWorld()
        var now: Int64 = 1000
        world.send(at: now)
        var waits: [Int64] = []
        var owed: [Int] = []
        while now < 200_000 {
            let deadline = world.deadline ?? .at(0)
            waits.append((deadline - .at(now)).nanoseconds / 1_000_000)
            now = (deadline - .at(0)).nanoseconds / 1_000_000
            _ = world.probe(at: now)
            owed.append(world.recovery.probesOwed)
            world.send(at: now)
        }
        #expect(waits.filter { $0 == 2000 }.count <= 16)
        #expect(waits.suffix(5).allSatisfy { $0 == 15_000 })
        #expect(owed.first == 2 && owed.last == 1)
        #expect(world.recovery.isOutage == true)
        _ = world.acknowledge(0...0, at: now + 10)
        #expect(world.recovery.isOutage == false)
    }

    // RFC 9000 §21.4
    @Test func `numbers are left out now and then, and never forgotten at once`() {
        var skipped = SkippedNumbers(draw: 5)
        #expect(!skipped.isDue(at: 6) && skipped.isDue(at: 7))
        skipped.skip(7, draw: 1)
        #expect(skipped.overlaps(3...9) && !skipped.overlaps(3...6) && !skipped.overlaps(8...9))
        #expect(!skipped.isDue(at: 8) && skipped.isDue(at: 73))
        #expect(!SkippedNumbers().isDue(at: .max))
    }

    @Test func `packets that need not arrive start no timer`() {
        let world = RecoveryWorld()
        world.send(at: 0, isTracked: false)
        #expect(world.recovery.hasOutstanding == false)
        #expect(world.deadline == nil)
    }

    // RFC 9002 §6.2.4
    @Test func `a probe repeats the two oldest outstanding packets`() {
        let world = RecoveryWorld()
        for time in 0..<4 as Range<Int64> { world.send(at: time) }
        _ = world.acknowledge(0...0, at: 10)
        #expect(world.probe() == [1, 2])
        #expect(world.probe() == [1, 2])
        #expect(world.recovery.hasOutstanding == true)
    }

    @Test func `what a probe repeated is not sent once more when the first packet turns out lost`() {
        let world = RecoveryWorld()
        for time in 0..<4 as Range<Int64> { world.send(at: time) }
        #expect(world.probe() == [0, 1])
        world.send(at: 325)
        world.send(at: 325)
        let result = world.acknowledge(5...5, at: 425)
        #expect(result.outcome.lostCount == 4)
        #expect(result.lost == [2, 3])
        #expect(world.path.bytesInFlight == 1000)
    }

    @Test func `since when an answer is missing is known`() {
        let world = RecoveryWorld()
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
        let world = RecoveryWorld()
        world.send(at: 0)
        var told: [UInt64] = []
        world.recovery.settle(0) { told.append($0.number) }
        world.recovery.settle(0) { told.append($0.number) }
        world.recovery.settle(9) { told.append($0.number) }
        #expect(told == [0])
        #expect(world.recovery.hasOutstanding == false)
    }

    @Test func `packets of another path count neither for its window nor for its losses`() {
        let world = RecoveryWorld()
        let other = Path.fresh(serial: 7)
        for _ in 0..<3 { world.send(at: 0, path: other) }
        for _ in 0..<3 { world.send(at: 0) }
        let result = world.acknowledge(5...5, 1...1, at: 50)
        #expect(Set(result.acknowledged) == [1, 5])
        #expect(result.outcome.ackedBytes == 1000)
        #expect(Set(result.lost) == [0, 2])
        #expect(result.outcome.lostCount == 2)
        #expect(world.path.delivery.lost == 0)
        #expect(world.path.bytesInFlight == 2000)
    }

    // MARK: Round trips (RFC 9002 §5.1)

    @Test func `a round trip is measured with the largest packet, also when it asked for no acknowledgement`() {
        let world = RecoveryWorld()
        world.send(at: 0)
        world.send(at: 20, isTracked: false)
        #expect(world.acknowledge(0...1, at: 60).outcome.roundTrip(at: .at(60)) == .milliseconds(40))
    }

    @Test func `an acknowledgement of nothing new measures nothing`() {
        let world = RecoveryWorld()
        for _ in 0..<3 { world.send(at: 0) }
        _ = world.acknowledge(2...2, at: 50)
        #expect(world.acknowledge(1...2, at: 60).outcome.roundTrip(at: .at(60)) == nil)
        #expect(world.acknowledge(0...2, at: 60).outcome.roundTrip(at: .at(60)) == nil)
    }

    @Test func `packets that ask for no acknowledgement alone measure nothing`() {
        let world = RecoveryWorld()
        world.send(at: 0)
        world.send(at: 0)
        _ = world.acknowledge(1...1, at: 10)
        world.send(at: 20, isTracked: false)
        #expect(world.acknowledge(2...2, at: 60).outcome.roundTrip(at: .at(60)) == nil)
    }

    @Test func `a packet of another path measures nothing`() {
        let world = RecoveryWorld()
        world.send(at: 0, path: .fresh(serial: 7))
        #expect(world.acknowledge(0...0, at: 60).outcome.roundTrip(at: .at(60)) == nil)
    }

    // MARK: Persistent congestion (RFC 9002 §7.6)

    /// The window that persistent congestion leaves: two packets of CUBIC.
    private static let minimumWindow = 2 * PacketLayout.basePathSize

    @Test func `losses of everything for three probe time-outs are persistent congestion`() {
        let world = RecoveryWorld()
        // Three times 325 ms have to pass between the first and the last loss.
        for time in [0, 400, 800, 976] as [Int64] { world.send(at: time) }
        for _ in 0..<3 { world.send(at: 1200) }
        let result = world.acknowledge(6...6, at: 1300)
        #expect(result.lost == [0, 1, 2, 3])
        // The packet that arrived counts for slow start already.
        #expect(world.path.congestion.window == Self.minimumWindow + 1000)
    }

    @Test func `losses within three probe time-outs are not persistent congestion`() {
        let world = RecoveryWorld()
        for time in [0, 400, 800, 975] as [Int64] { world.send(at: time) }
        for _ in 0..<3 { world.send(at: 1200) }
        #expect(world.acknowledge(6...6, at: 1300).lost == [0, 1, 2, 3])
        #expect(world.path.congestion.window > Self.minimumWindow)
    }

    @Test func `losses that are found one after the other count together`() {
        let world = RecoveryWorld()
        for time in [0, 400, 976, 977] as [Int64] { world.send(at: time) }
        #expect(world.acknowledge(3...3, at: 1077).lost == [0, 1])
        #expect(world.path.congestion.window > Self.minimumWindow)
        #expect(world.detect(at: 1100) == [2])
        #expect(world.path.congestion.window == Self.minimumWindow)
    }

    @Test(arguments: [true, false])
    func `one packet that arrived in between speaks against persistent congestion`(isTracked: Bool) {
        let world = RecoveryWorld()
        for time in [0, 400] as [Int64] { world.send(at: time) }
        world.send(at: 800, isTracked: isTracked)
        world.send(at: 976)
        for _ in 0..<3 { world.send(at: 1200) }
        let result = world.acknowledge(6...6, 2...2, at: 1300)
        #expect(Set(result.lost) == [0, 1, 3])
        #expect(world.path.congestion.window > Self.minimumWindow)
    }

    // RFC 9002 §7.6.2
    @Test func `what left before the first round trip was measured says nothing about persistence`() {
        let world = RecoveryWorld(roundTrip: nil)
        for time in [0, 5000, 5000, 5000, 5000] as [Int64] { world.send(at: time) }
        var outcome = world.recovery.beginAck(largest: 4, path: world.path)
        world.recovery.acknowledge(4...4, path: world.path, at: .at(5100), outcome: &outcome) { _ in }
        // The session measures with the same frame, before it looks for losses.
        world.path.measure(.milliseconds(100), ackDelay: .zero, at: .at(5100))
        world.recovery.finishAck(path: world.path, at: .at(5100), outcome: &outcome) { _ in }
        #expect(outcome.lostCount == 2)
        #expect(world.path.congestion.window > Self.minimumWindow)
    }

    @Test(arguments: 0..<30)
    func `every packet is told once as arrived or lost, and once more if it arrives after that`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let world = RecoveryWorld(roundTrip: 20)
        var open: Set<UInt64> = []
        var told: Set<UInt64> = []
        var lost: Set<UInt64> = []
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
                for number in result.lost {
                    #expect(open.remove(number) != nil)
                    #expect(told.insert(number).inserted)
                    lost.insert(number)
                }
                for number in result.acknowledged where lost.remove(number) == nil {
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
