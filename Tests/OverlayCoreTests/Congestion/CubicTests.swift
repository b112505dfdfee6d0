import PosternModel
import Testing

@testable import OverlayCore

/// A path with CUBIC on which whole windows are acknowledged, one per round trip.
final class CubicWorld {
    static let packet = 1000
    var cubic = Cubic(packetSize: packet)
    var now = Instant.at(0)
    let roundTrip: Interval
    /// What acknowledgements show.
    private var shown: Interval

    init(roundTrip: Interval = .milliseconds(100)) {
        self.roundTrip = roundTrip
        shown = roundTrip
    }

    var packets: Double { Double(cubic.window) / Double(Self.packet) }

    func acknowledge(
        _ byteCount: Int,
        sentAt: Instant? = nil,
        bytesInFlight: Int = 1 << 30,
        isAppLimited: Bool = false
    ) {
        cubic.acknowledge(
            .of(
                byteCount,
                sentAt: sentAt ?? now - roundTrip,
                now: now,
                roundTrip: shown,
                bytesInFlight: bytesInFlight,
                isAppLimited: isAppLimited
            )
        )
    }

    func lose(sentAt: Instant? = nil, isPersistent: Bool = false) {
        cubic.lose(.of(Self.packet, sentAt: sentAt ?? now, now: now))
        if isPersistent { cubic.notePersistentCongestion(at: now) }
    }

    /// Acknowledges a window packet by packet, spread over one round trip.
    func passRound() {
        let count = cubic.window / Self.packet
        for _ in 0..<count {
            now = now + roundTrip / Int64(count)
            acknowledge(Self.packet)
        }
    }

    /// Ten acknowledgements of what left a round trip of this many milliseconds ago.
    func passRound(showing milliseconds: Int64) {
        let sentAt = now
        now = now + .milliseconds(milliseconds)
        shown = .milliseconds(milliseconds)
        for _ in 0..<10 { acknowledge(1000, sentAt: sentAt) }
    }

    /// Brings the window to `packets` in slow start and loses one.
    func lose(atWindow packets: Int) {
        if cubic.window < packets * Self.packet { acknowledge(packets * Self.packet - cubic.window) }
        now = now + roundTrip * 2
        lose()
        now = now + roundTrip * 2
    }
}

@Suite("CUBIC")
struct CubicTests {
    @Test func `it begins with ten packets and doubles each round trip`() {
        let world = CubicWorld()
        #expect(world.packets == 10)
        world.acknowledge(10_000)
        #expect(world.packets == 20)
        world.acknowledge(20_000)
        #expect(world.packets == 40)
    }

    // RFC 9438 §4.6
    @Test func `a loss takes the window to seven tenths, once for a round trip`() {
        let world = CubicWorld()
        world.acknowledge(90_000)
        world.now = .at(1000)
        world.lose(sentAt: .at(950))
        #expect(world.packets == 70)
        world.now = .at(1050)
        world.lose(sentAt: .at(1000))
        #expect(world.packets == 70)
        world.acknowledge(50_000, sentAt: .at(999))
        #expect(world.packets == 70)
        world.now = .at(1150)
        world.lose(sentAt: .at(1001))
        #expect(world.packets == 49)
    }

    // RFC 9438 §4.6
    @Test func `a congestion mark takes the window down like a loss, once for a round trip`() {
        let world = CubicWorld()
        world.acknowledge(90_000)
        world.now = .at(1000)
        world.cubic.mark(CongestionMark(packetCount: 3, sentAt: .at(950), now: .at(1000)))
        #expect(world.packets == 70)
        world.lose(sentAt: .at(990))
        world.cubic.mark(CongestionMark(packetCount: 1, sentAt: .at(999), now: .at(1050)))
        #expect(world.packets == 70)
        world.cubic.mark(CongestionMark(packetCount: 1, sentAt: .at(1001), now: .at(1100)))
        #expect(world.packets == 49)
    }

    // RFC 9438 §4.9.2
    @Test func `a reduction whose every loss was none is undone`() {
        let world = CubicWorld()
        world.acknowledge(90_000)
        world.now = .at(1000)
        world.lose(sentAt: .at(950))
        world.lose(sentAt: .at(960))
        #expect(world.packets == 70)
        world.cubic.noteSpuriousLoss(SpuriousLoss(declaredAt: .at(1000), now: .at(1010)))
        #expect(world.packets == 70)
        world.cubic.noteSpuriousLoss(SpuriousLoss(declaredAt: .at(1000), now: .at(1020)))
        #expect(world.packets == 100)
        // Slow start goes on.
        world.acknowledge(10_000, sentAt: .at(1015))
        #expect(world.packets == 110)
    }

    @Test func `a reduction for a mark, or a loss of an earlier one, undoes nothing`() {
        let world = CubicWorld()
        world.acknowledge(90_000)
        world.now = .at(1000)
        world.lose(sentAt: .at(950))
        world.now = .at(1100)
        world.lose(sentAt: .at(1050))
        #expect(world.packets == 49)
        world.cubic.noteSpuriousLoss(SpuriousLoss(declaredAt: .at(1000), now: .at(1110)))
        #expect(world.packets == 49)
        world.now = .at(1200)
        world.cubic.mark(CongestionMark(packetCount: 1, sentAt: .at(1150), now: .at(1200)))
        let window = world.packets
        world.cubic.noteSpuriousLoss(SpuriousLoss(declaredAt: .at(1100), now: .at(1210)))
        #expect(world.packets == window)
    }

    @Test func `larger packets change neither the bytes in flight nor where the window heads for`() {
        let world = CubicWorld(roundTrip: .milliseconds(200))
        world.lose(atWindow: 100)
        world.cubic.setPacketSize(2000)
        #expect(world.cubic.window == 70_000)
        // 35 packets below a maximum of 50: cbrt(15 / 0.4) = 3.35 s to the flat part of the curve.
        for _ in 0..<17 {
            let count = world.cubic.window / 2000
            for _ in 0..<count {
                world.now = world.now + world.roundTrip / Int64(count)
                world.acknowledge(2000)
            }
        }
        #expect((world.packets - 100).magnitude < 3)
        world.cubic.setPacketSize(200_000)
        #expect(world.cubic.window == 400_000)
    }

    @Test func `the window never falls below two packets`() {
        let world = CubicWorld()
        for _ in 0..<20 {
            world.now = world.now + .seconds(1)
            world.lose()
        }
        #expect(world.packets == 2)
        world.lose(isPersistent: true)
        #expect(world.packets == 2)
    }

    // RFC 9438 §4.2: K = cbrt((100 - 70) / 0.4) = 4.217 s; W_cubic(t) = 0.4 (t - K)^3 + 100.
    @Test(arguments: [(1.0, 86.7), (2.0, 95.6), (3.0, 99.3), (4.217, 100.0), (5.0, 100.2), (6.0, 102.3), (8.0, 121.6)])
    func `after a loss the window follows the cubic curve`(seconds: Double, packets: Double) {
        let world = CubicWorld(roundTrip: .milliseconds(200))
        world.lose(atWindow: 100)
        #expect(world.packets == 70)
        let start = world.now
        while (world.now - start).seconds < seconds { world.passRound() }
        // Rounds are 0.2 s long: the last may have ended that much later.
        let slope = 3 * 0.4 * (seconds - 4.217) * (seconds - 4.217)
        #expect(world.packets > packets - 1.5 && world.packets < packets + 1.5 + 0.2 * slope)
    }

    // RFC 9438 §4.3
    @Test func `on a short path it grows no slower than AIMD`() {
        let world = CubicWorld(roundTrip: .milliseconds(10))
        world.lose(atWindow: 20)
        #expect(world.packets == 14)
        for _ in 0..<20 { world.passRound() }
        // 0.529 packets a round trip up to the window before the loss, then one.
        #expect(world.packets > 14 + 0.529 * 18 && world.packets < 14 + 22)
    }

    // RFC 9438 §4.7: after two losses with a falling window, W_max is 0.85 of the last window.
    @Test func `a flow that loses again below its former window leaves room for others`() {
        let early = CubicWorld(roundTrip: .milliseconds(200))
        early.lose(atWindow: 100)
        early.lose()
        #expect(early.packets == 49)
        let late = CubicWorld(roundTrip: .milliseconds(200))
        late.lose(atWindow: 70)
        #expect(late.packets == 49)
        let start = (early.now, late.now)
        early.now = early.now + .milliseconds(400)
        for _ in 0..<15 {
            early.passRound()
            late.passRound()
        }
        // Without fast convergence both would head for 70 packets; with it the first heads for 59.5.
        #expect((early.now - start.0).seconds < 4)
        #expect(early.packets < late.packets)
        #expect((early.packets - 59.5).magnitude < 3)
    }

    // RFC 9438 §4.4: at most half a window more per round trip.
    @Test func `growth is bounded however long ago the loss was`() {
        let world = CubicWorld(roundTrip: .milliseconds(100))
        world.lose(atWindow: 50)
        world.passRound()
        world.now = world.now + .seconds(60)
        let before = world.packets
        world.acknowledge(world.cubic.window)
        #expect(world.packets <= before * 1.5 + 0.01)
    }

    // RFC 9002 §7.6.2
    @Test func `persistent congestion begins slow start anew, up to the threshold that the loss left`() {
        let world = CubicWorld()
        world.acknowledge(90_000)
        world.now = .at(5000)
        world.lose(sentAt: .at(4000), isPersistent: true)
        #expect(world.packets == 2)
        // Packets that left before count again.
        world.acknowledge(2000, sentAt: .at(4900))
        #expect(world.packets == 4)
        for _ in 0..<4 { world.acknowledge(world.cubic.window, sentAt: .at(4900)) }
        #expect(world.packets == 64)
        world.acknowledge(10_000, sentAt: .at(4900))
        #expect(world.packets == 74)
        // Above 70 it is avoidance again.
        world.acknowledge(10_000, sentAt: .at(4900))
        #expect(world.packets < 76)
    }

    // RFC 9406 §4.3
    @Test func `growing round trips end the first slow start and no later one`() {
        let world = CubicWorld()
        world.passRound(showing: 100)
        for _ in 0..<6 { world.passRound(showing: 150) }
        let window = world.cubic.window
        world.passRound(showing: 150)
        // Ten packets were acknowledged, and the window grew by less than one.
        #expect(world.cubic.window < window + 1000)
        world.now = world.now + .seconds(10)
        world.lose(isPersistent: true)
        #expect(world.packets == 2)
        world.passRound(showing: 150)
        #expect(world.packets == 12)
    }

    // RFC 9002 §7.8
    @Test func `a window that is not used does not grow`() {
        let world = CubicWorld()
        world.acknowledge(1000, bytesInFlight: 1000, isAppLimited: true)
        #expect(world.packets == 10)
        world.acknowledge(1000, bytesInFlight: 7000, isAppLimited: true)
        #expect(world.packets == 11)
    }

    // RFC 9002 §7.7
    @Test func `packets are paced faster than the window in slow start than after`() {
        let world = CubicWorld()
        #expect(world.cubic.pacingRate(roundTrip: .milliseconds(100)) == 200_000)
        world.lose(atWindow: 100)
        #expect(world.cubic.pacingRate(roundTrip: .milliseconds(100)) == 875_000)
        #expect(world.cubic.pacingRate(roundTrip: .zero) > 0)
    }

    @Test(arguments: [0, 1e-12, 1e-6, 0.001, 0.5, 1, 2, 8, 27, 1000, 75, 1e9, 1e15])
    func `the cube root is one`(value: Double) {
        let root = Cubic.cubeRoot(value)
        #expect((root * root * root - value).magnitude <= 1e-6 * value)
        #expect(Cubic.cubeRoot(-value) == 0)
    }

    @Test(arguments: 0..<20)
    func `whatever happens the window stays between its bounds`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let world = CubicWorld(roundTrip: .milliseconds(30))
        for _ in 0..<3000 {
            world.now = world.now + .milliseconds(.random(in: 0...50, using: &random))
            let window = world.cubic.window
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                world.lose(sentAt: world.now - .milliseconds(.random(in: 0...60, using: &random)))
                #expect(world.cubic.window <= window)
            case 1:
                world.lose(isPersistent: Int.random(in: 0..<5, using: &random) == 0)
            default:
                world.acknowledge(
                    .random(in: 1...max(1, window), using: &random),
                    isAppLimited: Bool.random(using: &random)
                )
                #expect(world.cubic.window >= window && world.cubic.window <= 2 * window)
            }
            #expect(world.packets >= 2)
            #expect(world.cubic.pacingRate(roundTrip: .milliseconds(30)) > 0)
            if world.packets > 100_000 { world.lose() }
        }
    }
}
