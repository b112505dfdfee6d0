import PosternModel
import Testing

@testable import OverlayCore

@Suite("Pacer")
struct PacerTests {
    @Test func `a slow path bursts two packets`() {
        var pacer = Pacer()
        #expect(pacer.allowance(rate: 100_000, packetSize: 1000, at: .at(0)) == 2000)
    }

    // RFC 9002 §7.7
    @Test func `with nothing in flight ten packets leave at once`() {
        var pacer = Pacer()
        pacer.allowInitialBurst(packetSize: 1000, bytesInFlight: 0)
        #expect(pacer.allowance(rate: 100_000, packetSize: 1000, at: .at(0)) == 10_000)
        pacer.spend(10_000)
        #expect(pacer.allowance(rate: 100_000, packetSize: 1000, at: .at(10)) == 1000)
        #expect(pacer.allowance(rate: 100_000, packetSize: 1000, at: .at(1000)) == 2000)
    }

    @Test func `little in flight leaves room for what is missing to ten packets`() {
        var pacer = Pacer()
        _ = pacer.allowance(rate: 100_000, packetSize: 1000, at: .at(0))
        pacer.spend(2000)
        pacer.allowInitialBurst(packetSize: 1000, bytesInFlight: 6000)
        #expect(pacer.allowance(rate: 100_000, packetSize: 1000, at: .at(0)) == 4000)
        pacer.spend(4000)
        pacer.allowInitialBurst(packetSize: 1000, bytesInFlight: 10_000)
        #expect(pacer.allowance(rate: 100_000, packetSize: 1000, at: .at(0)) == 0)
    }

    @Test func `a fast path bursts two milliseconds`() {
        var pacer = Pacer()
        #expect(pacer.allowance(rate: 100_000_000, packetSize: 1000, at: .at(0)) == 200_000)
    }

    @Test func `the bucket fills at the rate and overflows`() {
        var pacer = Pacer()
        _ = pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(0))
        pacer.spend(2000)
        #expect(pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(0)) == 0)
        #expect(pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(1)) == 1000)
        #expect(pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(1000)) == 2000)
    }

    @Test func `packets that may not be held back are paid for later`() {
        var pacer = Pacer()
        _ = pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(0))
        pacer.spend(4000)
        #expect(pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(1)) == 0)
        #expect(pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(3)) == 1000)
    }

    @Test func `the release is when half a burst is there`() {
        var pacer = Pacer()
        _ = pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(0))
        #expect(pacer.nextRelease(rate: 1_000_000, packetSize: 1000, after: .at(0)) == .at(0))
        pacer.spend(2000)
        #expect(pacer.nextRelease(rate: 1_000_000, packetSize: 1000, after: .at(0)) == .at(1))
        #expect(pacer.nextRelease(rate: 0, packetSize: 1000, after: .at(0)) > .at(0))
    }

    @Test(arguments: [10_000, 150_000, 10_000_000] as [UInt64])
    func `asking often does not slow a path down`(rate: UInt64) {
        var pacer = Pacer()
        _ = pacer.allowance(rate: rate, packetSize: 1000, at: .at(0))
        pacer.spend(1 << 30)
        pacer = Pacer()
        pacer.spend(pacer.allowance(rate: rate, packetSize: 1000, at: .at(0)))
        var sent = 0
        for step in 1...100_000 as ClosedRange<Int64> {
            let now = Instant(nanoseconds: 0) + .microseconds(20 * step)
            if pacer.allowance(rate: rate, packetSize: 1000, at: now) >= 1000 {
                pacer.spend(1000)
                sent += 1000
            }
        }
        // Two seconds.
        #expect(sent >= Int(rate) * 2 - 1000 && sent <= Int(rate) * 2 + 1000)
    }

    @Test func `a clock that stands still or steps back gives nothing`() {
        var pacer = Pacer()
        pacer.spend(pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(100)))
        #expect(pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(100)) == 0)
        #expect(pacer.allowance(rate: 1_000_000, packetSize: 1000, at: .at(50)) == 0)
    }
}
