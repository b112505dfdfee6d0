import OverlayCore
import OverlayWire
import PosternModel
import Simulation
import Testing

@Suite struct BottleneckTests {
    private let start = Instant(nanoseconds: 0)

    /// 1000 bytes a millisecond.
    private func settings(queueByteCount: Int) -> Bottleneck.Settings {
        Bottleneck.Settings(megabitsPerSecond: 8, queueByteCount: queueByteCount)
    }

    @Test func `what shares a wire leaves it in the order in which it came`() {
        var wire = Bottleneck(settings(queueByteCount: 10_000))
        for count in 1...3 {
            let fate = wire.pass(byteCount: 972, ecn: .notECT, at: start)
            #expect(fate == .passed(at: start + .milliseconds(Int64(count)), isMarked: false))
        }
        #expect(wire.record.delays == [.zero, .milliseconds(1), .milliseconds(2)])
        #expect(wire.record.meanDelay == .milliseconds(1))
        #expect(wire.record.delay(atQuantile: 0.95) == .milliseconds(2))
    }

    @Test func `a full queue drops and the share of what it dropped is known`() {
        var wire = Bottleneck(settings(queueByteCount: 3000))
        for _ in 0..<3 { _ = wire.pass(byteCount: 972, ecn: .notECT, at: start) }
        #expect(wire.pass(byteCount: 972, ecn: .ect0, at: start) == .dropped)
        #expect(wire.record.lossFraction == 0.25)
        wire.restartRecord()
        #expect(wire.record.lossFraction == 0 && wire.record.meanDelay == .zero)
    }

    @Test func `a queue beyond its threshold marks what can be marked and nothing else`() {
        var settings = settings(queueByteCount: 10_000)
        settings.marksAbove = 1500
        var wire = Bottleneck(settings)
        func isMarked(_ ecn: ECNCodepoint) -> Bool {
            guard case .passed(_, let isMarked) = wire.pass(byteCount: 972, ecn: ecn, at: start) else { return false }
            return isMarked
        }
        // The queue holds 0, 1000, 2000 and 3000 bytes in turn.
        #expect(!isMarked(.ect0))
        #expect(!isMarked(.ect0))
        #expect(isMarked(.ect0))
        #expect(!isMarked(.notECT))
        #expect(wire.record.markFraction == 0.25)
    }

    @Test func `cross traffic of half the rate leaves half of it`() {
        var settings = settings(queueByteCount: 1_000_000)
        var traffic = CrossTraffic(megabitsPerSecond: 4)
        traffic.packetByteCount = 1000
        settings.crossTraffic = [traffic]
        var wire = Bottleneck(settings)
        // 500 datagrams of 1 ms in one second fill what is left of it: the queue never grows beyond a few.
        for index in 0..<500 {
            _ = wire.pass(byteCount: 972, ecn: .notECT, at: start + .milliseconds(Int64(index) * 2))
        }
        #expect(wire.record.droppedCount == 0)
        #expect(wire.record.delays.max().map { $0 <= .milliseconds(2) } == true)
        // Twice as many do not fit: they wait for half a second in the end.
        for index in 0..<1000 {
            _ = wire.pass(byteCount: 972, ecn: .notECT, at: start + .milliseconds(1000 + Int64(index)))
        }
        #expect(wire.record.delays.last.map { $0 > .milliseconds(450) } == true)
    }

    @Test func `cross traffic that pauses comes in its turns only`() {
        var settings = settings(queueByteCount: 1_000_000)
        var traffic = CrossTraffic(megabitsPerSecond: 8)
        traffic.packetByteCount = 1000
        traffic.on = .milliseconds(10)
        traffic.off = .milliseconds(10)
        settings.crossTraffic = [traffic]
        var wire = Bottleneck(settings)
        func delay(atMicroseconds count: Int64) -> Interval {
            _ = wire.pass(byteCount: 72, ecn: .notECT, at: start + .microseconds(count))
            return wire.record.delays.last ?? .zero
        }
        // Between 10 and 20 ms nothing else comes, from 20 ms on the wire is full again.
        #expect(delay(atMicroseconds: 15_500) == .zero)
        #expect(delay(atMicroseconds: 19_500) == .zero)
        #expect(delay(atMicroseconds: 25_500) == .microseconds(500))
        #expect(delay(atMicroseconds: 35_500) == .zero)
    }
}

@Suite struct FairnessExperimentTests {
    private func wire(_ megabitsPerSecond: Double, queue milliseconds: Double) -> Bottleneck.Settings {
        Bottleneck.Settings(
            megabitsPerSecond: megabitsPerSecond,
            queueByteCount: Int(megabitsPerSecond * 125 * milliseconds)
        )
    }

    @Test(arguments: CongestionAlgorithm.allCases)
    func `two equal flows share a wire and leave little of it`(algorithm: CongestionAlgorithm) throws {
        let flow = FairnessExperiment.Flow(algorithm, roundTrip: .milliseconds(20))
        var experiment = FairnessExperiment([flow, flow], wire: wire(10, queue: 20))
        experiment.span = .seconds(20)
        let outcome = try experiment.play(seed: 1)
        #expect(outcome.fairness >= 0.9)
        #expect((0.8...1).contains(outcome.utilisation))
        // The queue holds 20 ms; the time on the wire is not waiting.
        #expect(outcome.queue.delay(atQuantile: 0.95) <= .milliseconds(20))
    }

    @Test func `fifty flows that share little lose little, and leave another its part`() throws {
        let slow = FairnessExperiment.Flow(.bbr, roundTrip: .milliseconds(40))
        var flows = Array(repeating: slow, count: 50) + [FairnessExperiment.Flow(.cubic, roundTrip: .milliseconds(40))]
        for index in flows.indices { flows[index].startsAt = .milliseconds(Int64(index) * 100) }
        var experiment = FairnessExperiment(flows, wire: wire(10, queue: 40))
        experiment.settling = .seconds(30)
        experiment.span = .seconds(50)
        let outcome = try experiment.play(seed: 1)
        #expect(outcome.queue.lossFraction <= 0.025)
        #expect(outcome.shares[50] >= 0.5)
    }

    @Test func `a flow has only what unheeding traffic leaves it`() throws {
        var wire = wire(10, queue: 40)
        wire.crossTraffic = [CrossTraffic(megabitsPerSecond: 5)]
        var experiment = FairnessExperiment([FairnessExperiment.Flow(.cubic, roundTrip: .milliseconds(20))], wire: wire)
        experiment.span = .seconds(10)
        experiment.settling = .seconds(2)
        let outcome = try experiment.play(seed: 1)
        #expect((3.5...5.0).contains(outcome.goodputs[0]))
    }

    @Test func `the index of Jain is 1 for equals and 1 of n when one has all`() {
        #expect(FairnessExperiment.jainIndex(of: [3, 3, 3]) == 1)
        #expect(FairnessExperiment.jainIndex(of: [6, 0, 0]) == 1.0 / 3)
        #expect(FairnessExperiment.jainIndex(of: [0, 0]) == 0)
    }
}
