import OverlayWire
import Testing

@testable import OverlayCore

@Suite("Stream table and queues")
struct StreamTableTests {
    private func stream(_ id: UInt64) -> OverlayCore.Stream {
        OverlayCore.Stream(
            id: StreamID(id),
            port: VirtualPort(80),
            send: SendHalf(limit: 1000, opensStream: true),
            receive: ReceiveHalf(window: 1000, at: .at(0)),
            isKnown: true
        )
    }

    @Test func `a stream is found by its number and by its slot`() {
        var table = StreamTable()
        let first = table.insert(stream(0))
        let second = table.insert(stream(4))
        #expect(first != second)
        #expect(table.count == 2)
        #expect(table.slot(of: StreamID(4)) == second)
        #expect(table.slot(of: StreamID(2)) == nil)
        #expect(table[second].id == StreamID(4))
        #expect(table.usedSlots == [first, second])
    }

    @Test func `a slot is used again under another generation`() {
        var table = StreamTable()
        let slot = table.insert(stream(0))
        let generation = table[slot].generation
        #expect(generation != 0)
        table.remove(slot)
        #expect(table.count == 0)
        #expect(table.slot(of: StreamID(0)) == nil)
        #expect(!table.contains(slot, generation: generation))
        #expect(!table.contains(slot, generation: 0))
        #expect(!table.contains(99, generation: generation))
        let again = table.insert(stream(2))
        #expect(again == slot)
        #expect(!table.contains(slot, generation: generation))
        #expect(table.contains(slot, generation: table[slot].generation))
        #expect(table.usedSlots == [slot])
    }

    @Test func `a stream is over when both halves are and the application knows`() {
        var pool = BlockPool(maximum: 1)
        var stream = stream(0)
        #expect(stream.hasFrame)
        stream.send.abandon(pool: &pool)
        #expect(!stream.hasFrame && !stream.isOver)
        stream.receive.end(pool: &pool)
        #expect(!stream.isOver)
        stream.isEndTold = true
        #expect(stream.isOver)
        stream.pendingStop = .aborted
        #expect(stream.hasFrame)
        stream.pendingStop = nil
        stream.isCreditDue = true
        #expect(stream.hasFrame)
    }

    @Test func `small writes go before bulk, each in turn`() {
        var queues = SendQueues()
        #expect(queues.isEmpty)
        for (slot, isSmall) in [(1, false), (2, true), (3, false), (4, true)] {
            queues.append(.init(slot: slot, generation: 1), isSmall: isSmall)
        }
        var order: [Int] = []
        while let entry = queues.popFirst() { order.append(entry.slot) }
        #expect(order == [2, 4, 1, 3])
        #expect(queues.isEmpty)
    }
}
