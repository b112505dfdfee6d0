import Testing

@testable import OverlayCore

@Suite("Order of sending")
struct SendQueuesTests {
    @Test func `small writes go before bulk, each in turn`() {
        var queues = SendQueues()
        #expect(queues.isEmpty)
        for (slot, isSmall) in [(1, false), (2, true), (3, false), (4, true)] as [(UInt32, Bool)] {
            queues.append(.init(slot: slot, generation: 1), isSmall: isSmall)
        }
        var order: [UInt32] = []
        while let (entry, isSmall) = queues.popFirst() {
            order.append(entry.slot)
            #expect(isSmall == (order.count <= 2))
        }
        #expect(order == [2, 4, 1, 3])
        #expect(queues.isEmpty)
    }

    @Test(arguments: [20, 300, 1200])
    func `bulk that waits gets a ninth of what is sent under a flood of small writes`(size: Int) {
        var queues = SendQueues()
        queues.append(.init(slot: 1, generation: 1), isSmall: false)
        for slot in 2...100 as ClosedRange<UInt32> { queues.append(.init(slot: slot, generation: 1), isSmall: true) }
        var sent = (small: 0, bulk: 0)
        var longestWait = 0
        var wait = 0
        while sent.small + sent.bulk < 10_000_000, let (entry, isSmall) = queues.popFirst() {
            let byteCount = isSmall ? size : 1200
            if isSmall { sent.small += byteCount } else { sent.bulk += byteCount }
            wait = isSmall ? wait + byteCount : 0
            longestWait = max(longestWait, wait)
            queues.sent(byteCount, isSmall: isSmall)
            queues.append(entry, isSmall: isSmall)
        }
        let share = Double(sent.bulk) / Double(sent.small + sent.bulk)
        #expect(share > 0.11 && share < 0.12)
        #expect(longestWait < 11_000)
    }

    @Test func `small writes owe nothing for what they sent while no bulk waited`() {
        var queues = SendQueues()
        queues.sent(1_000_000, isSmall: true)
        queues.append(.init(slot: 1, generation: 1), isSmall: false)
        queues.append(.init(slot: 2, generation: 1), isSmall: true)
        #expect(queues.popFirst()?.isSmall == true)
    }
}
