import PosternModel
import Testing

@testable import OverlayCore

@Suite("BBR")
struct BBRTests {
    /// A path whose rate is known, cruising.
    @discardableResult
    private func cruising(_ world: BBRWorld = BBRWorld()) -> BBRWorld {
        #expect(world.run(.seconds(5)) { $0.bbr.state == .cruise })
        return world
    }

    // MARK: States

    @Test func `it begins with ten packets, paced faster than the window in a round trip`() {
        let bbr = BBR(packetSize: 1000, seed: 1)
        #expect(bbr.window == 10_000)
        #expect(bbr.pacingRate(roundTrip: .milliseconds(100)) == 277_000)
        #expect(bbr.pacingRate(roundTrip: .zero) > 0)
    }

    @Test(arguments: [(1.0, 10), (20, 40), (100, 20), (300, 100)] as [(Double, Int64)])
    func `startup finds the rate within a second or 25 round trips, then drains its queue`(
        rate: Double,
        roundTrip: Int64
    ) {
        let world = BBRWorld(megabitsPerSecond: rate, roundTrip: roundTrip)
        world.queue = max(world.queue, 20_000)
        #expect(world.run(.milliseconds(max(1000, 25 * roundTrip))) { $0.bbr.state == .cruise })
        #expect(world.states.starts(with: [.startup, .drain]))
        #expect(!world.states.contains(.up))
        #expect(world.bbr.model.bandwidth.maximum > 0.95 * world.rate)
        #expect(world.bbr.model.bandwidth.maximum < 1.02 * world.rate)
        #expect(world.bytesInFlight <= max(world.product + 8000, 10_000))
    }

    @Test func `states follow each other as the table says`() {
        let world = BBRWorld()
        world.run(.seconds(30))
        let next: [BBR.State: Set<BBR.State>] = [
            .startup: [.drain], .drain: [.down, .cruise], .down: [.cruise, .refill], .cruise: [.refill], .refill: [.up],
            .up: [.down],
        ]
        for (state, following) in zip(world.states, world.states.dropFirst()) {
            #expect(next[state]?.contains(following) == true, "\(state) to \(following)")
        }
        // Every two to three seconds it probes for more.
        let probes = world.states.count { $0 == .up }
        #expect((9...16).contains(probes))
    }

    @Test func `a path is used by 95 of 100, without losses`() {
        let world = cruising()
        let before = (at: world.now, delivered: world.delivered, lost: world.lost)
        world.run(.seconds(20))
        let used = Double(world.delivered - before.delivered) / (world.rate * (world.now - before.at).seconds)
        #expect(used > 0.95)
        #expect(world.lost == before.lost)
    }

    @Test func `a flow that its application limits stays in startup and keeps its window`() {
        let world = BBRWorld()
        world.appetite = 100_000
        world.run(.seconds(5))
        #expect(world.bbr.state == .startup)
        #expect(world.bbr.window >= 10_000)
        world.appetite = .infinity
        #expect(world.run(.seconds(2)) { $0.bbr.state == .cruise })
        #expect(world.bbr.model.bandwidth.maximum > 0.95 * world.rate)
    }

    // MARK: Filters over time

    @Test func `a rate that fell is forgotten after two cycles`() {
        let world = cruising()
        world.rate /= 2
        world.run(.seconds(10))
        #expect(world.bbr.model.bandwidth.maximum < 0.55 * world.rate * 2)
        #expect(world.bbr.model.bandwidth.maximum > 0.45 * world.rate * 2)
    }

    @Test func `a rate that doubled is found within four probes`() {
        let world = cruising()
        world.rate *= 2
        world.queue *= 2
        world.run(.seconds(12))
        #expect(world.bbr.model.bandwidth.maximum > 0.9 * world.rate)
    }

    // draft §5.3.4
    @Test func `a longer way is believed after the queue was let run empty`() {
        let world = cruising()
        world.roundTrip = .milliseconds(60)
        #expect(world.run(.seconds(7)) { $0.bbr.state == .probeRTT })
        let start = world.now
        #expect(world.run(.seconds(2)) { $0.bbr.state != .probeRTT })
        #expect(world.now - start >= .milliseconds(200))
        #expect(world.bbr.state == .cruise)
        world.run(.seconds(10))
        #expect((world.bbr.model.roundTrip.minimum ?? .zero) >= .milliseconds(60))
    }

    @Test func `while the shortest round trip is seen again and again nothing is held back`() {
        let world = BBRWorld()
        world.run(.seconds(20))
        #expect(!world.states.contains(.probeRTT))
    }

    // MARK: Losses

    @Test(arguments: [100, 50])
    func `losses without a queue leave rate and window alone`(every: Int) {
        let world = BBRWorld()
        world.losesEvery = every
        cruising(world)
        let before = (at: world.now, delivered: world.delivered)
        world.run(.seconds(20))
        let used = Double(world.delivered - before.delivered) / (world.rate * (world.now - before.at).seconds)
        #expect(used > 0.90)
    }

    @Test(arguments: [0.1, 0.25, 0.5])
    func `a short queue bounds what is in flight, and few packets are lost`(products: Double) {
        let world = BBRWorld(megabitsPerSecond: 50, queueProducts: products)
        world.run(.seconds(20))
        #expect(world.bbr.bounds.longTerm != nil)
        #expect(Double(world.lost) / Double(world.sent) < 0.01)
        #expect(Double(world.delivered) > 0.88 * world.rate * 20)
    }

    @Test func `where there is no queue at all, losses of the probes show the rate`() {
        let world = BBRWorld(megabitsPerSecond: 50)
        world.queue = 6000
        world.run(.seconds(20))
        #expect(Double(world.lost) / Double(world.sent) < 0.02)
        #expect(Double(world.delivered) > 0.85 * world.rate * 20)
    }

    @Test func `with a queue in sight few losses are too many, without one it takes more`() {
        func isTooMuch(_ lost: Int, of packets: Int, queue: Bool, standing: Bool = true) -> Bool {
            BBR.isTooMuch(
                lost: lost * 1000,
                of: packets * 1000,
                packetSize: 1000,
                hasQueue: queue,
                isStanding: queue && standing
            )
        }
        // 2 % of 400 are 8, the deviation is 2.8.
        #expect(!isTooMuch(13, of: 400, queue: true))
        #expect(isTooMuch(14, of: 400, queue: true))
        // 5 % are 20, the deviation is 4.5.
        #expect(!isTooMuch(28, of: 400, queue: false))
        #expect(isTooMuch(29, of: 400, queue: false))
        // One loss says nothing on a short path, unless there is a queue: it is full of flows that have few packets.
        #expect(!isTooMuch(1, of: 10, queue: false))
        #expect(isTooMuch(1, of: 10, queue: true))
        #expect(isTooMuch(1, of: 49, queue: true))
        #expect(!isTooMuch(1, of: 50, queue: true))
        // What only looks like a queue, because round trips jump about, is allowed its chance.
        #expect(!isTooMuch(1, of: 10, queue: true, standing: false))
    }

    @Test func `a queue stands when round trips are longer by more than they vary`() {
        var model = PathModel()
        var steady = RoundTripEstimator()
        var jumping = RoundTripEstimator()
        for _ in 0..<20 {
            for milliseconds in [20, 60, 30, 50] as [Int64] {
                jumping.sample(.milliseconds(milliseconds), ackDelay: .zero)
                steady.sample(.milliseconds(60), ackDelay: .zero)
            }
        }
        _ = model.observeRoundTrip(.milliseconds(20), at: .at(0))
        #expect(model.roundTrip.showsQueue(jumping.smoothed))
        #expect(!model.roundTrip.showsStandingQueue(jumping))
        #expect(model.roundTrip.showsStandingQueue(steady))
    }

    // MARK: Less than four packets

    @Test func `where four packets are too many fewer are in flight, and more again once nothing is lost`() {
        // The wire holds one packet.
        let world = BBRWorld(megabitsPerSecond: 0.2, queueProducts: 8)
        world.run(.seconds(10))
        for expected in [3000, 2000, 1000, 1000] {
            #expect(world.run(.seconds(10)) { $0.bbr.window <= $0.bbr.minimumWindow })
            let loss = CongestionLoss(
                byteCount: 1000,
                sentAt: world.now,
                now: world.now,
                roundTrip: RoundTripEstimator(),
                bytesInFlight: world.bbr.window,
                lostSince: 1000,
                isAppLimited: false
            )
            world.bbr.lose(loss)
            #expect(world.run(.seconds(1)) { $0.bbr.window == expected })
        }
        #expect(world.run(.seconds(60)) { $0.bbr.window >= 4000 })
    }

    @Test func `losses on a path that carries more do not lower the floor`() {
        let world = cruising()
        world.bbr.notePersistentCongestion(at: world.now)
        world.losesEvery = 5
        world.run(.seconds(2))
        #expect(world.bbr.minimumWindow == 4000)
    }

    @Test func `losses with a queue take the rate down to what was delivered, until the next probe`() {
        let world = cruising()
        world.run(.milliseconds(100))
        // Another flow takes half of the wire.
        world.rate /= 2
        #expect(world.run(.seconds(2)) { $0.bbr.bounds.shortTermRate != nil })
        #expect(world.run(.seconds(1)) { $0.bbr.bandwidth < 0.6 * 2 * $0.rate })
        #expect(world.run(.seconds(5)) { $0.bbr.state == .refill })
        #expect(world.bbr.bounds.shortTermRate == nil)
        #expect(world.bbr.bounds.shortTerm == nil)
    }

    // MARK: Marks

    @Test func `a mark ends startup`() {
        let world = BBRWorld()
        world.run(.milliseconds(200))
        #expect(world.bbr.state == .startup)
        world.bbr.mark(CongestionMark(packetCount: 1, sentAt: world.now, now: world.now))
        #expect(world.run(.milliseconds(200)) { $0.bbr.state == .drain })
        #expect(world.bbr.bounds.longTerm != nil)
    }

    @Test func `marks while cruising bound the rate, marks while probing end the probe`() {
        let world = cruising()
        world.run(.milliseconds(100))
        world.bbr.mark(CongestionMark(packetCount: 1, sentAt: world.now, now: world.now))
        #expect(world.run(.milliseconds(100)) { $0.bbr.bounds.shortTermRate != nil })
        #expect(world.run(.seconds(5)) { $0.bbr.state == .up })
        world.bbr.mark(CongestionMark(packetCount: 1, sentAt: world.now, now: world.now))
        #expect(world.bbr.state == .down)
        #expect(world.bbr.bounds.longTerm != nil)
    }

    // MARK: Changes

    @Test func `losses that were none give the bounds and the state back`() {
        let world = cruising()
        #expect(world.run(.seconds(5)) { $0.bbr.state == .up })
        world.run(.milliseconds(20))
        let bound = world.bbr.bounds.longTerm
        let loss = CongestionLoss(
            byteCount: 1000,
            sentAt: world.now,
            now: world.now,
            roundTrip: RoundTripEstimator(),
            bytesInFlight: 100_000,
            lostSince: 30_000,
            isAppLimited: false
        )
        world.bbr.lose(loss)
        #expect(world.bbr.state == .down)
        #expect(world.bbr.bounds.longTerm != bound)
        world.bbr.noteSpuriousLoss(SpuriousLoss(declaredAt: world.now, now: world.now))
        #expect(world.bbr.state == .up)
        #expect(world.bbr.bounds.longTerm == bound)
    }

    @Test func `after persistent congestion four packets are in flight, and the model brings the window back`() {
        let world = cruising()
        let window = world.bbr.window
        world.bbr.notePersistentCongestion(at: world.now)
        #expect(world.bbr.window == 4000)
        #expect(world.run(.milliseconds(500)) { $0.bbr.window >= window / 2 })
    }

    @Test func `the window is at least four packets, also of a new size`() {
        var bbr = BBR(packetSize: 1000, seed: 1)
        bbr.setPacketSize(9000)
        #expect(bbr.window == 36_000)
        bbr.notePersistentCongestion(at: .at(0))
        #expect(bbr.window == 36_000)
    }

    @Test func `two seeds wait differently before they probe`() {
        var waits: Set<Int64> = []
        for seed in 1...5 as ClosedRange<UInt64> {
            let world = BBRWorld()
            world.bbr = BBR(packetSize: 1000, seed: seed)
            cruising(world)
            #expect(world.bbr.cycle.wait >= .seconds(2) && world.bbr.cycle.wait < .seconds(3))
            waits.insert(world.bbr.cycle.wait.nanoseconds)
        }
        #expect(waits.count == 5)
    }
}
