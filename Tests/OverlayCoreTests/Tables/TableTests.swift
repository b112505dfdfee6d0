import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

@Suite("Ring queue")
struct RingQueueTests {
    @Test(arguments: 0..<20)
    func `a ring does what an array does`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var ring = RingQueue<Int>()
        var model: [Int] = []
        for step in 0..<2000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                ring.append(step)
                model.append(step)
            case 5..<9:
                let expected = model.isEmpty ? nil : model.removeFirst()
                #expect(ring.popFirst() == expected)
            default:
                if let position = model.indices.randomElement(using: &random) {
                    ring[position] += 1
                    model[position] += 1
                }
            }
            #expect(ring.count == model.count)
            #expect(ring.isEmpty == model.isEmpty)
            #expect(ring.first == model.first)
            if let position = model.indices.randomElement(using: &random) {
                #expect(ring[position] == model[position])
            }
        }
        ring.removeAll()
        #expect(ring.popFirst() == nil)
    }

    @Test func `elements that left are not kept alive`() {
        final class Token {}
        var ring = RingQueue<Token>()
        weak var token: Token?
        do {
            let strong = Token()
            token = strong
            ring.append(strong)
        }
        #expect(token != nil)
        _ = ring.popFirst()
        #expect(token == nil)
    }

    @Test func `a place behind the last element traps`() async {
        await #expect(processExitsWith: .failure) {
            var ring = RingQueue<Int>()
            ring.append(1)
            _ = ring[1]
        }
    }
}

@Suite("Index table")
struct IndexTableTests {
    @Test(arguments: 0..<20)
    func `a table does what a dictionary does`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var table = IndexTable()
        var model: [UInt32: Int] = [:]
        // Few low bits: long runs of collisions. Few indices: many removals and insertions at the same place.
        let indices = (0..<300).map { _ in
            UInt32.random(in: 0..<200, using: &random) << UInt32.random(in: 0..<25, using: &random)
        }
        for step in 0..<4000 {
            guard let index = indices.randomElement(using: &random) else { return }
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                if model[index] == nil {
                    table.insert(ReceiverIndex(index), slot: step)
                    model[index] = step
                }
            case 1:
                table.remove(ReceiverIndex(index))
                model[index] = nil
            default:
                #expect(table.slot(of: ReceiverIndex(index)) == model[index])
            }
        }
        for index in indices { #expect(table.slot(of: ReceiverIndex(index)) == model[index]) }
    }

    @Test func `a table that grows keeps what is in it`() {
        var table = IndexTable()
        for number in 0..<50_000 { table.insert(ReceiverIndex(UInt32(number) &* 2_654_435_761), slot: number) }
        for number in stride(from: 0, to: 50_000, by: 2) {
            table.remove(ReceiverIndex(UInt32(number) &* 2_654_435_761))
        }
        for number in 0..<50_000 {
            let found = table.slot(of: ReceiverIndex(UInt32(number) &* 2_654_435_761))
            #expect(found == (number % 2 == 0 ? nil : number))
        }
    }

    @Test func `coming and going for ever does not fill the table`() {
        var table = IndexTable()
        for number in 0..<100_000 {
            table.insert(ReceiverIndex(UInt32(number)), slot: number)
            table.remove(ReceiverIndex(UInt32(number)))
        }
        #expect(table.slot(of: ReceiverIndex(99_999)) == nil)
        table.insert(ReceiverIndex(.max), slot: 3)
        #expect(table.slot(of: ReceiverIndex(.max)) == 3)
    }
}

@Suite("Deadline heap")
struct DeadlineHeapTests {
    @Test(arguments: 0..<20)
    func `the first deadline is the earliest that was set`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var heap = DeadlineHeap()
        var model: [Int: Instant] = [:]
        for _ in 0..<2000 {
            let slot = Int.random(in: 0..<50, using: &random)
            let deadline =
                Bool.random(using: &random) ? Instant.at(Int64.random(in: 0..<40, using: &random)) : nil
            heap.set(deadline, for: slot)
            model[slot] = deadline
            #expect(heap.first?.deadline == model.values.min())
            if let first = heap.first { #expect(model[first.slot] == first.deadline) }
        }
        var order: [Instant] = []
        while let first = heap.first {
            order.append(first.deadline)
            heap.set(nil, for: first.slot)
        }
        #expect(order == model.values.sorted())
    }
}
