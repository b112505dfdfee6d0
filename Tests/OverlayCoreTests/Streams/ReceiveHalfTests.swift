import PosternModel
import Testing

@testable import OverlayCore
@testable import OverlayWire

/// A receiving half with its memory.
final class ReceiveHalfWorld {
    var pool: BlockPool
    var half: ReceiveHalf

    init(window: UInt64 = 1 << 20, memory: Int = 4 << 20) {
        pool = BlockPool(maximum: memory)
        half = ReceiveHalf(window: window, at: .at(0))
    }

    /// Takes the stream's own bytes in `range`, or `bytes` in their place.
    func receive(
        _ range: Range<UInt64>,
        isFin: Bool = false,
        bytes: [UInt8]? = nil
    ) throws(ReceiveHalf.Refusal) -> UInt64 {
        let head: [UInt8] = [0xee, 0xee]
        let payload = head + (bytes ?? streamBytes(range)) + head
        let frame = StreamFrame(
            id: StreamID(0),
            offset: range.lowerBound,
            data: 2..<2 + range.count,
            isFin: isFin
        )
        return try half.receive(frame, in: payload.span.bytes, pool: &pool)
    }

    /// Why the bytes in `range` are refused; nil when they are taken.
    func refusal(_ range: Range<UInt64>, isFin: Bool = false) -> ReceiveHalf.Refusal? {
        do throws(ReceiveHalf.Refusal) {
            _ = try receive(range, isFin: isFin)
            return nil
        } catch {
            return error
        }
    }

    func resetRefusal(_ size: UInt64) -> ReceiveHalf.Refusal? {
        do throws(ReceiveHalf.Refusal) {
            _ = try half.receiveReset(finalSize: size, pool: &pool)
            return nil
        } catch {
            return error
        }
    }

    func read(_ maximum: Int = 1 << 20) -> [UInt8] {
        PacketWriter.bytes(capacity: maximum) { _ = half.read(into: &$0, pool: &pool) }
    }

    func stop() -> Bool { half.stop(pool: &pool) }
}

@Suite("Receiving half")
struct ReceiveHalfTests {
    @Test func `bytes are read in order, once, up to the end`() throws {
        let world = ReceiveHalfWorld()
        #expect(try world.receive(0..<100) == 100)
        #expect(world.half.readableBytes == 100)
        #expect(world.read(30) == streamBytes(0..<30))
        #expect(try world.receive(100..<150, isFin: true) == 50)
        #expect(!world.half.isAtEnd)
        #expect(world.read() == streamBytes(30..<150))
        #expect(world.half.isAtEnd && world.half.isDone)
        #expect(world.pool.usedBlocks == 0)
        #expect(world.read() == [])
    }

    @Test func `an empty stream is at its end at once`() throws {
        let world = ReceiveHalfWorld()
        #expect(try world.receive(0..<0, isFin: true) == 0)
        #expect(world.half.isAtEnd && !world.half.isDone)
        #expect(world.read() == [])
        #expect(world.half.isDone)
    }

    @Test func `bytes behind a gap wait for it`() throws {
        let world = ReceiveHalfWorld()
        #expect(try world.receive(5000..<9000, isFin: true) == 9000)
        #expect(try world.receive(2000..<3000) == 0)
        #expect(world.half.readableBytes == 0)
        #expect(try world.receive(0..<2000) == 0)
        #expect(world.half.readableBytes == 3000)
        #expect(try world.receive(3000..<5000) == 0)
        #expect(world.read() == streamBytes(0..<9000))
    }

    @Test func `what came first counts when bytes are repeated with another content`() throws {
        let world = ReceiveHalfWorld()
        _ = try world.receive(0..<10)
        _ = try world.receive(20..<30)
        _ = try world.receive(0..<40, bytes: [UInt8](repeating: 0xff, count: 40))
        #expect(
            world.read() == streamBytes(0..<10) + Array(repeating: 0xff, count: 10) + streamBytes(20..<30)
                + Array(repeating: 0xff, count: 10)
        )
    }

    @Test func `bytes that were read already are not needed again`() throws {
        let world = ReceiveHalfWorld()
        _ = try world.receive(0..<5000)
        _ = world.read(4500)
        #expect(try world.receive(0..<4500) == 0)
        #expect(try world.receive(4000..<5500) == 500)
        #expect(world.read() == streamBytes(4500..<5500))
    }

    // RFC 9000 §4.1
    @Test func `bytes beyond the credit are refused`() {
        let world = ReceiveHalfWorld(window: 1000)
        #expect(world.refusal(0..<1001) == .flowControl)
        #expect(world.refusal(1000..<1000) == nil)
        #expect(world.refusal(999..<1000) == nil)
        #expect(world.resetRefusal(1001) == .flowControl)
        #expect(world.resetRefusal(1000) == nil)
    }

    // RFC 9000 §4.5
    @Test func `the final size cannot change and nothing lies behind it`() {
        let world = ReceiveHalfWorld()
        #expect(world.refusal(0..<100) == nil)
        #expect(world.refusal(50..<90, isFin: true) == .invalid)
        #expect(world.refusal(100..<120, isFin: true) == nil)
        #expect(world.refusal(119..<121) == .invalid)
        #expect(world.refusal(120..<121, isFin: true) == .invalid)
        #expect(world.refusal(100..<119, isFin: true) == .invalid)
        #expect(world.refusal(120..<120, isFin: true) == nil)
        #expect(world.resetRefusal(121) == .invalid)
        #expect(world.resetRefusal(119) == .invalid)
        #expect(world.resetRefusal(120) == nil)
        #expect(world.refusal(120..<121) == .invalid)
        #expect(world.resetRefusal(121) == .invalid)
    }

    @Test func `a reset below what arrived is refused`() {
        let world = ReceiveHalfWorld()
        #expect(world.refusal(0..<100) == nil)
        #expect(world.resetRefusal(99) == .invalid)
    }

    @Test func `a refused frame changes nothing`() throws {
        let world = ReceiveHalfWorld(window: 1000)
        _ = try world.receive(0..<10)
        #expect(world.refusal(10..<2000, isFin: true) == .flowControl)
        #expect(world.half.highest == 10)
        #expect(world.half.finalSize == nil)
        #expect(world.read() == streamBytes(0..<10))
    }

    @Test func `a reset ends the half and gives its memory back`() throws {
        let world = ReceiveHalfWorld()
        _ = try world.receive(0..<5000)
        _ = world.read(10)
        let growth = try world.half.receiveReset(finalSize: 6000, pool: &world.pool)
        #expect(growth == 1000)
        #expect(world.half.isDone)
        #expect(world.half.readableBytes == 0)
        #expect(world.pool.usedBlocks == 0)
        #expect(try world.receive(5000..<6000) == 0)
        #expect(world.read() == [])
        #expect(world.pool.usedBlocks == 0)
        #expect(try world.half.receiveReset(finalSize: 6000, pool: &world.pool) == 0)
    }

    @Test func `a stopped half counts what comes, keeps nothing, and ends with the peer`() throws {
        let world = ReceiveHalfWorld()
        _ = try world.receive(0..<5000)
        #expect(world.stop())
        #expect(!world.stop())
        #expect(world.half.readableBytes == 0)
        #expect(world.pool.usedBlocks == 0)
        #expect(try world.receive(5000..<7000) == 2000)
        #expect(world.pool.usedBlocks == 0)
        #expect(!world.half.isDone)
        #expect(try world.receive(7000..<7500, isFin: true) == 500)
        #expect(world.half.isDone)
        #expect(world.read() == [])
    }

    @Test func `the peer is not told to stop when it has ended already`() throws {
        let world = ReceiveHalfWorld()
        _ = try world.receive(0..<10, isFin: true)
        #expect(!world.stop())
        #expect(world.half.isDone)
        let other = ReceiveHalfWorld()
        _ = try other.half.receiveReset(finalSize: 0, pool: &other.pool)
        #expect(!other.stop())
    }

    @Test func `without memory a frame is as if it were lost`() throws {
        let world = ReceiveHalfWorld(window: 1 << 20, memory: 1)
        #expect(world.refusal(0..<245_760) == nil)
        #expect(world.refusal(300_000..<300_001) == .noMemory)
        #expect(world.half.highest == 245_760)
        #expect(world.read() == streamBytes(0..<245_760))
        #expect(world.refusal(300_000..<300_001) == nil)
    }

    @Test func `a byte at the end of the window takes one block, not all below it`() throws {
        let world = ReceiveHalfWorld(window: 1 << 20)
        #expect(try world.receive((1 << 20) - 1..<1 << 20) == 1 << 20)
        #expect(world.pool.usedBlocks == 1)
        #expect(world.half.heldBytes == BlockPool.blockSize)
        _ = try world.receive(500_000..<501_000)
        #expect(world.pool.usedBlocks <= 3)
        _ = try world.receive(0..<500_000)
        _ = try world.receive(501_000..<(1 << 20) - 1)
        #expect(world.read() == streamBytes(0..<1 << 20))
        #expect(world.pool.usedBlocks == 0)
    }

    @Test func `what would make a gap too many is as if it were lost, and what fills one is not`() {
        let world = ReceiveHalfWorld(window: 1 << 20)
        for number in 0..<UInt64(ReceiveHalf.maximumGaps) {
            #expect(world.refusal(2 * number + 1..<2 * number + 2) == nil)
        }
        let next = 2 * UInt64(ReceiveHalf.maximumGaps) + 1
        #expect(world.refusal(next..<next + 1) == .noMemory)
        #expect(world.refusal(2..<3) == nil)
        #expect(world.refusal(next..<next + 1) == nil)
        #expect(world.refusal(0..<1) == nil)
        #expect(world.half.readableBytes == 4)
    }

    // MARK: Credit

    private func grant(
        _ world: ReceiveHalfWorld,
        known: UInt64 = 0,
        maximum: UInt64 = 400_000,
        room: UInt64 = .max,
        at time: Int64
    ) -> UInt64? {
        let bounds = ReceiveHalf.WindowBounds(known: known, maximum: maximum, room: room)
        return world.half.grant(bounds, roundTrip: .milliseconds(10), at: .at(time)) ? world.half.limit : nil
    }

    @Test func `credit follows the reader once an eighth of the window is used`() throws {
        let world = ReceiveHalfWorld(window: 1000)
        _ = try world.receive(0..<1000)
        #expect(grant(world, at: 100) == nil)
        _ = world.read(124)
        #expect(grant(world, at: 100) == nil)
        _ = world.read(1)
        #expect(grant(world, at: 100) == 1125)
        #expect(grant(world, at: 200) == nil)
        #expect(world.half.limit == 1125)
    }

    /// The windows of a reader that reads all there is every `period` milliseconds.
    private func windows(_ world: ReceiveHalfWorld, period: Int64, known: UInt64 = 0) throws -> [UInt64] {
        try (1...4 as ClosedRange<Int64>).map { step in
            _ = try world.receive(world.half.highest..<world.half.limit)
            _ = world.read()
            let limit = try #require(grant(world, known: known, at: step * period))
            return limit - world.half.read
        }
    }

    @Test func `the window doubles for a reader that keeps pace, up to its maximum`() throws {
        #expect(
            try windows(ReceiveHalfWorld(window: 100_000), period: 4) == [200_000, 400_000, 400_000, 400_000]
        )
        #expect(try windows(ReceiveHalfWorld(window: 100_000), period: 5) == Array(repeating: 100_000, count: 4))
    }

    @Test func `the first step goes to the window that the session has found out`() throws {
        #expect(
            try windows(ReceiveHalfWorld(window: 10_000), period: 4, known: 300_000)
                == [300_000, 400_000, 400_000, 400_000]
        )
    }

    @Test func `credit shrinks with the room and never to nothing`() throws {
        let world = ReceiveHalfWorld(window: 100_000)
        _ = try world.receive(0..<100_000)
        _ = world.read(50_000)
        #expect(grant(world, room: 50_000, at: 100) == nil)
        _ = world.read(20_000)
        #expect(grant(world, room: 50_000, at: 100) == 120_000)
        _ = world.read()
        #expect(grant(world, room: 0, at: 100) == nil)
        _ = try world.receive(100_000..<120_000)
        _ = world.read()
        #expect(grant(world, room: 0, at: 100) == 120_000 + WindowPace.smallest)
    }

    @Test func `nothing is granted for a stream whose end is known or unwanted`() throws {
        let world = ReceiveHalfWorld(window: 1000)
        _ = try world.receive(0..<900, isFin: true)
        _ = world.read(800)
        #expect(grant(world, at: 1) == nil)
        let stopped = ReceiveHalfWorld(window: 1000)
        _ = try stopped.receive(0..<900)
        _ = stopped.read(800)
        _ = stopped.stop()
        #expect(grant(stopped, at: 1) == nil)
    }

    @Test func `the last memory is for bytes that can be read at once`() throws {
        // One page: 64 blocks, of which 4 are kept.
        let world = ReceiveHalfWorld(window: 1 << 20, memory: 1)
        #expect(world.refusal(1..<241_664) == nil)
        #expect(world.refusal(241_664..<246_000) == .noMemory)
        #expect(world.refusal(0..<1) == nil)
        #expect(world.half.readableBytes == 241_664)
        #expect(world.refusal(241_664..<246_000) == nil)
    }
}

/// A sender in slow start, a reader that reads at once, and credit that needs half a round trip to get there: whoever
/// grants too late stops the sender.
@Suite("Credit for slow start")
struct CreditModelTests {
    /// Round trips in milliseconds, rates in bytes per millisecond: 1 Gbit/s and 200 Mbit/s.
    @Test(arguments: [(2, 125_000), (20, 125_000), (100, 125_000), (300, 25_000)] as [(Int64, Int)])
    func `credit is always ahead of a sender that doubles with each round trip`(roundTrip: Int64, rate: Int) throws {
        let settings = NodeSettings.defaults
        let world = ReceiveHalfWorld(window: settings.streamWindow, memory: 64 << 20)
        var flow = SessionFlow(settings: settings, at: .at(0))
        let steps = 20
        let payload = [UInt8](repeating: 1, count: 4 << 20)
        /// Limits of the stream and the session by the step in which the sender hears of them.
        var heard = Array(repeating: (stream: world.half.limit, session: flow.maxData), count: 2000)
        var arrivals = Array(repeating: 0, count: 2000)
        var sent: UInt64 = 0
        var window = 12_000.0
        for step in 0..<300 {
            let now = Instant.at(0) + .milliseconds(roundTrip) * Int64(step) / Int64(steps)
            // The queue holds as much as the link; the round trip that is measured does not show it, which is worse.
            window = min(window * pow2(1 / Double(steps)), Double(rate) * Double(roundTrip) * 2)
            let count = Int(window) / steps
            sent += UInt64(count)
            #expect(sent <= heard[step].stream && sent <= heard[step].session, "round \(step / steps)")
            arrivals[step + steps / 2] = count
            let arrived = UInt64(arrivals[step])
            guard arrived > 0 else { continue }
            let start = world.half.highest
            let bytes = Array(payload.prefix(Int(arrived)))
            let growth = try world.receive(start..<start + arrived, bytes: bytes)
            let isWithinCredit = flow.receive(growth)
            #expect(isWithinCredit)
            var read = 0
            while case let more = world.read(1 << 20).count, more > 0 { read += more }
            flow.consume(UInt64(read))
            let bounds = ReceiveHalf.WindowBounds(
                known: flow.window,
                maximum: settings.maxStreamWindow,
                room: flow.room(forStreamWith: 0)
            )
            _ = world.half.grant(bounds, roundTrip: .milliseconds(roundTrip), at: now)
            _ = flow.grantData(memory: .max, roundTrip: .milliseconds(roundTrip), at: now)
            for later in (step + steps / 2)..<heard.count { heard[later] = (world.half.limit, flow.maxData) }
        }
    }

    /// Two to the power of `exponent`, which is small: the series of its exponential function.
    private func pow2(_ exponent: Double) -> Double {
        let x = exponent * 0.693_147_180_559_945_3
        return 1 + x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4)))
    }
}
