import OverlayWire
import Testing

@testable import OverlayCore

/// A sending half with its memory, and what it put on the wire.
final class SendHalfWorld {
    var pool = BlockPool(maximum: 1 << 20)
    var half: SendHalf

    init(limit: UInt64 = 1 << 20, opensStream: Bool = true) {
        half = SendHalf(limit: limit, opensStream: opensStream)
    }

    /// Writes the next `count` bytes of the stream; returns how many were taken.
    func write(_ count: Int, maximum: Int = 1 << 20) -> Int {
        let bytes = streamBytes(half.written..<half.written + UInt64(count))
        return half.write(bytes.span.bytes, 0..<count, maximum: maximum, pool: &pool)
    }

    /// Sends the next chunk; nil when there is none.
    func send(_ maximum: Int = 1000, credit: UInt64 = .max) -> (chunk: SendHalf.Chunk, bytes: [UInt8])? {
        guard let chunk = half.nextChunk(maximum: maximum, credit: credit) else { return nil }
        var bytes: [UInt8] = []
        let capacity = max(1, chunk.count)
        bytes = PacketWriter.bytes(capacity: capacity) { half.send(chunk, into: &$0, pool: pool) }
        return (chunk, bytes)
    }

    func acknowledge(_ range: Range<UInt64>, isFin: Bool = false) {
        half.acknowledge(range, isFin: isFin, pool: &pool)
    }

    func reset() { half.reset(.aborted, pool: &pool) }
}

@Suite("Sending half")
struct SendHalfTests {
    @Test func `bytes are sent in order, with the end on the last, until the peer has them`() throws {
        let world = SendHalfWorld()
        #expect(world.write(2500) == 2500)
        #expect(world.half.unsentBytes == 2500)
        let first = try #require(world.send())
        #expect((first.chunk.offset, first.chunk.count, first.chunk.isFin) == (0, 1000, false))
        #expect(first.bytes == streamBytes(0..<1000))
        _ = world.send()
        world.half.finish()
        let last = try #require(world.send())
        #expect((last.chunk.offset, last.chunk.count, last.chunk.isFin) == (2000, 500, true))
        #expect(last.bytes == streamBytes(2000..<2500))
        #expect(!world.half.hasFrame)
        #expect(world.send() == nil)
        world.acknowledge(0..<2000)
        #expect(!world.half.isDone)
        #expect(world.half.bufferedBytes == 500)
        world.acknowledge(2000..<2500, isFin: true)
        #expect(world.half.isDone)
        #expect(world.pool.usedBlocks == 0)
    }

    @Test func `a stream without bytes still opens and ends`() throws {
        let world = SendHalfWorld()
        #expect(world.half.hasFrame)
        let opening = try #require(world.send())
        #expect((opening.chunk.offset, opening.chunk.count, opening.chunk.isFin) == (0, 0, false))
        #expect(!world.half.hasFrame)
        world.half.finish()
        #expect(world.half.hasFrameWithoutCredit)
        let end = try #require(world.send(credit: 0))
        #expect((end.chunk.offset, end.chunk.count, end.chunk.isFin) == (0, 0, true))
        world.acknowledge(0..<0, isFin: true)
        #expect(world.half.isDone)
    }

    @Test func `the half of a stream that the peer opened says nothing until it has to`() {
        let world = SendHalfWorld(opensStream: false)
        #expect(!world.half.hasFrame)
        #expect(world.send() == nil)
        #expect(world.write(1) == 1)
        #expect(world.half.hasFrame)
    }

    @Test func `an opening that is lost is repeated, unless the peer has later bytes of it`() throws {
        let world = SendHalfWorld()
        _ = world.send()
        world.half.lose(0..<0, isFin: false)
        #expect(world.half.hasFrameWithoutCredit)
        let again = try #require(world.send())
        #expect((again.chunk.offset, again.chunk.count) == (0, 0))
        #expect(!world.half.hasFrame)
        #expect(world.write(10) == 10)
        _ = world.send()
        world.acknowledge(0..<10)
        world.half.lose(0..<0, isFin: false)
        #expect(!world.half.hasFrame)
    }

    @Test func `lost bytes are sent before new ones, without credit, and never what was acknowledged`() throws {
        let world = SendHalfWorld()
        #expect(world.write(5000) == 5000)
        for _ in 0..<4 { _ = world.send() }
        world.acknowledge(1000..<2000)
        world.half.lose(0..<3000, isFin: false)
        #expect(world.half.hasFrameWithoutCredit)
        let first = try #require(world.send(credit: 0))
        #expect((first.chunk.offset, first.chunk.count, first.chunk.isNew) == (0, 1000, false))
        let second = try #require(world.send(600, credit: 0))
        #expect((second.chunk.offset, second.chunk.count) == (2000, 600))
        let third = try #require(world.send(credit: 0))
        #expect((third.chunk.offset, third.chunk.count) == (2600, 400))
        #expect(world.send(credit: 0) == nil)
        let new = try #require(world.send())
        #expect((new.chunk.offset, new.chunk.isNew) == (4000, true))
        #expect(new.bytes == streamBytes(4000..<5000))
    }

    @Test func `an end that is lost is sent again`() throws {
        let world = SendHalfWorld()
        #expect(world.write(10) == 10)
        world.half.finish()
        _ = world.send()
        world.acknowledge(0..<10)
        world.half.lose(10..<10, isFin: true)
        #expect(world.half.hasFrame)
        let end = try #require(world.send())
        #expect((end.chunk.offset, end.chunk.count, end.chunk.isFin) == (10, 0, true))
        world.acknowledge(10..<10, isFin: true)
        #expect(world.half.isDone)
        world.half.lose(0..<10, isFin: true)
        #expect(world.half.isDone && !world.half.hasFrame)
    }

    @Test func `new bytes stop at the limit of the stream and at the credit of the session`() throws {
        let world = SendHalfWorld(limit: 700)
        #expect(world.write(1000) == 1000)
        world.half.finish()
        #expect(try #require(world.send(credit: 300)).chunk.count == 300)
        #expect(try #require(world.send()).chunk.count == 400)
        #expect(world.half.isBlocked)
        #expect(!world.half.hasFrame)
        #expect(world.send() == nil)
        world.half.limit = 1000
        #expect(!world.half.isBlocked)
        let last = try #require(world.send())
        #expect((last.chunk.count, last.chunk.isFin) == (300, true))
    }

    @Test func `a write takes what it may, and what the pool has, but for its reserve if bytes are on their way`() {
        let world = SendHalfWorld()
        #expect(world.write(100, maximum: 60) == 60)
        #expect(world.write(100, maximum: 0) == 0)
        world.pool = BlockPool(maximum: 1)
        let bytes = [UInt8](repeating: 0, count: (256 << 10) + 1)
        func write(_ half: inout SendHalf, _ count: Int) -> Int {
            half.write(bytes.span.bytes, 0..<count, maximum: .max, pool: &world.pool)
        }
        var first = SendHalf(limit: .max, opensStream: true)
        #expect(write(&first, bytes.count) == 0)
        #expect(world.pool.usedBlocks == 0)
        #expect(write(&first, 100 << 10) == 100 << 10)
        #expect(write(&first, (140 << 10) + 1) == 0)
        #expect(write(&first, 140 << 10) == 140 << 10)
        #expect(write(&first, 1) == 0)
        var second = SendHalf(limit: .max, opensStream: true)
        #expect(write(&second, 16 << 10) == 16 << 10)
    }

    @Test func `a reset drops what waits and is told until the peer has it`() {
        let world = SendHalfWorld()
        #expect(world.write(5000) == 5000)
        _ = world.send()
        world.reset()
        #expect(world.pool.usedBlocks == 0)
        #expect(world.half.pendingReset == .aborted)
        #expect(world.half.hasFrame && world.half.hasFrameWithoutCredit)
        world.half.markResetSent()
        #expect(!world.half.hasFrame && world.half.pendingReset == nil)
        world.acknowledge(0..<1000)
        world.half.lose(0..<1000, isFin: false)
        world.half.finish()
        #expect(!world.half.hasFrame)
        world.half.loseReset()
        #expect(world.half.pendingReset == .aborted)
        world.half.markResetSent()
        world.half.acknowledgeReset()
        #expect(world.half.isDone)
    }

    @Test func `a half that is done takes nothing in any more`() {
        let world = SendHalfWorld()
        world.half.abandon(pool: &world.pool)
        world.half.finish()
        world.reset()
        world.half.acknowledgeReset()
        world.acknowledge(0..<10, isFin: true)
        world.half.lose(0..<10, isFin: true)
        #expect(world.half.isDone && !world.half.hasFrame && !world.half.hasFrameWithoutCredit)
        #expect(world.half.pendingReset == nil)
    }

    @Test func `in a new session everything is sent again, opening and end included`() throws {
        let world = SendHalfWorld(limit: 100)
        #expect(world.write(50) == 50)
        world.half.finish()
        _ = world.send()
        world.half.restart(limit: 30)
        let first = try #require(world.send())
        #expect((first.chunk.offset, first.chunk.count, first.chunk.isFin, first.chunk.isNew) == (0, 30, false, true))
        world.half.limit = 100
        let last = try #require(world.send())
        #expect((last.chunk.offset, last.chunk.count, last.chunk.isFin) == (30, 20, true))
        #expect(last.bytes == streamBytes(30..<50))
    }
}
