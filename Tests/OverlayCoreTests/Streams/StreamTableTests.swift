import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

@Suite("Stream table")
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
        var table = StreamTable(secret: 0x9e37_79b9_7f4a_7c15)
        let first = table.insert(stream(0))
        let second = table.insert(stream(4))
        #expect(first != second)
        #expect(table.count == 2)
        let (found, missing) = (table.slot(of: StreamID(4)), table.slot(of: StreamID(2)))
        #expect(found == second && missing == nil)
        #expect(table[second].id == StreamID(4))
        #expect(table.usedSlots == [first, second])
    }

    @Test func `a slot is used again under another generation`() {
        var table = StreamTable(secret: 0x9e37_79b9_7f4a_7c15)
        let slot = table.insert(stream(0))
        let generation = table[slot].generation
        #expect(generation != 0)
        table.remove(slot)
        #expect(table.count == 0)
        let removed = table.slot(of: StreamID(0))
        #expect(removed == nil)
        #expect(!table.contains(slot, generation: generation))
        #expect(!table.contains(slot, generation: 0))
        #expect(!table.contains(99, generation: generation))
        let again = table.insert(stream(2))
        #expect(again == slot)
        #expect(!table.contains(slot, generation: generation))
        #expect(table.contains(slot, generation: table[slot].generation))
        #expect(table.usedSlots == [slot])
    }

    @Test(arguments: [0, 0x9e37_79b9_7f4a_7c15, 1 << 63, 0x0123_4567_89ab_cdef] as [UInt64])
    func `the table finds what a dictionary finds, whatever the secret`(secret: UInt64) {
        var table = StreamTable(secret: secret)
        var model: [UInt64: Int] = [:]
        var random = SplitMix(seed: secret)
        for step in 0..<6000 {
            // It grows to some hundred streams, empties again, and so on.
            let opens = Int.random(in: 0..<10, using: &random) < (step % 2000 < 1000 ? 7 : 2)
            if opens {
                let id = UInt64.random(in: 0..<1 << 40, using: &random)
                guard model[id] == nil else { continue }
                model[id] = table.insert(stream(id))
            } else if let id = model.keys.sorted().randomElement(using: &random), let slot = model[id] {
                table.remove(slot)
                model[id] = nil
                let removed = table.slot(of: StreamID(id))
                #expect(removed == nil)
            }
            #expect(table.count == model.count)
            guard step % 50 == 0 else { continue }
            for (id, slot) in model {
                let found = table.slot(of: StreamID(id))
                #expect(found == slot)
            }
        }
    }

    @Test func `ten thousand streams that come and go are found, and leave nothing`() {
        var table = StreamTable(secret: 0x9e37_79b9_7f4a_7c15)
        var slots: [Int] = []
        for number in 0..<10_000 { slots.append(table.insert(stream(UInt64(number)))) }
        for number in stride(from: 0, to: 10_000, by: 2) { table.remove(slots[number]) }
        for number in 0..<10_000 {
            let found = table.slot(of: StreamID(UInt64(number)))
            #expect(found == (number.isMultiple(of: 2) ? nil : slots[number]))
        }
        for number in stride(from: 1, to: 10_000, by: 2) { table.remove(slots[number]) }
        #expect(table.count == 0 && table.usedSlots.isEmpty)
        let next = table.insert(stream(20_000))
        #expect(next == 0, "the memory was given back")
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
}
