import OverlayCrypto
import OverlayWire
import Testing

@Suite("Replay window")
struct ReplayWindowTests {
    private func number(_ value: UInt64) -> PacketNumber { PacketNumber(value) }

    @Test func `a new window takes every number once`() {
        for start: UInt64 in [0, 1, 63, 64, 4095, 4096, 1 << 32, 1 << 62] {
            let window = Window()
            #expect(window.isFresh(number(start)))
            window.mark(number(start))
            #expect(!window.isFresh(number(start)))
            #expect(window.isFresh(number(start + 1)))
        }
    }

    @Test func `numbers at the window's edge are taken, those behind it are not`() {
        let window = Window()
        window.mark(number(10_000))
        #expect(window.isFresh(number(10_000 - ReplayWindow.span + 1)))
        #expect(!window.isFresh(number(10_000 - ReplayWindow.span)))
        #expect(!window.isFresh(number(0)))
        window.mark(number(10_000 - ReplayWindow.span + 1))
        #expect(!window.isFresh(number(10_000 - ReplayWindow.span + 1)))
        window.mark(number(10_001))
        #expect(!window.isFresh(number(10_000 - ReplayWindow.span + 1)))
        #expect(window.isFresh(number(10_000 - ReplayWindow.span + 2)))
    }

    @Test func `asking changes nothing`() {
        let window = Window()
        window.mark(number(5))
        for _ in 0..<3 {
            #expect(window.isFresh(number(1 << 40)))
            #expect(window.isFresh(number(4)))
            #expect(!window.isFresh(number(5)))
        }
    }

    @Test func `marking what fell behind the window does nothing`() {
        let window = Window()
        window.mark(number(100_000))
        // 65 words of 64 numbers make one round: this number shares its bit with one inside the window.
        window.mark(number(100_000 - 65 * 64))
        #expect(window.isFresh(number(99_999)))
        #expect(!window.isFresh(number(100_000)))
    }

    @Test(arguments: [1, 63, 64, 65, 4095, 4096, 4097, 65 * 64, 66 * 64, 1_000_000] as [UInt64])
    func `after a jump every number in the window that did not arrive is fresh`(_ jump: UInt64) {
        let window = Window()
        for value in UInt64(0)...5000 { window.mark(number(value)) }
        window.mark(number(5000 + jump))
        let oldest = 5000 + jump - ReplayWindow.span + 1
        for value in oldest..<5000 + jump {
            #expect(window.isFresh(number(value)) == (value > 5000))
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt8])
    func `a random order is judged as by a set of everything seen`(_ seed: UInt8) {
        var source = RandomSource(seed: Array(repeating: seed, count: 32))
        let window = Window()
        var seen: Set<UInt64> = []
        var largest: UInt64?
        var base: UInt64 = 5000
        for _ in 0..<20_000 {
            base += UInt64.random(in: 0...3, using: &source)
            if UInt64.random(in: 0..<500, using: &source) == 0 { base += 3000 }
            let value = base - UInt64.random(in: 0..<5000, using: &source)
            let isBehind = largest.map { $0 >= value && $0 - value >= ReplayWindow.span } ?? false
            #expect(window.isFresh(number(value)) == (!isBehind && !seen.contains(value)))
            guard window.isFresh(number(value)) else { continue }
            window.mark(number(value))
            seen.insert(value)
            largest = max(largest ?? 0, value)
        }
    }
}

/// A replay window behind a reference: the expectations of the test library copy what they look at.
final class Window {
    private var window = ReplayWindow()

    func isFresh(_ number: PacketNumber) -> Bool { window.isFresh(number) }

    func mark(_ number: PacketNumber) { window.mark(number) }
}
