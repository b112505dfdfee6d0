import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

@Suite("Handshake counters and processes")
struct HandshakeCounterTests {
    @Test func `numbers grow, exceed what the peer told, and end with what is reserved`() {
        var counter = HandshakeCounter(reserved: 100..<104)
        let first = [0, 1000, 0, 0].map { counter.next(above: $0) }
        #expect(first == [101, 1001, 103, nil])
        counter.extend(to: 105)
        let second = [0, 0].map { counter.next(above: $0) }
        #expect(second == [104, nil])
    }

    @Test func `a floor above which there is no number shuts out who told it, and nobody else`() {
        var counter = HandshakeCounter(reserved: 0..<100)
        let numbers = [UInt64.max, 5].map { counter.next(above: $0) }
        #expect(numbers == [nil, 6])
    }

    @Test func `more are asked for once until they came`() {
        var counter = HandshakeCounter(reserved: 0..<HandshakeCounter.reserve + 3)
        var answers = [counter.asksForMore()]
        for _ in 0..<3 { _ = counter.next(above: 0) }
        answers += [counter.asksForMore(), counter.asksForMore()]
        counter.extend(to: HandshakeCounter.reserve * 10)
        answers.append(counter.asksForMore())
        #expect(answers == [false, true, false, false])
    }

    @Test func `leaps double, wait for numbers to be reserved, and begin anew with an answer`() {
        var counter = HandshakeCounter(reserved: 0..<100)
        counter.leapAhead()
        #expect(counter.value == 0 && counter.next == HandshakeCounter.shortestLeap)
        let asks = counter.asksForMore()
        counter.extend(to: HandshakeCounter.shortestLeap + 100)
        #expect(asks && counter.value == HandshakeCounter.shortestLeap)
        counter.leapAhead()
        #expect(counter.next == HandshakeCounter.shortestLeap * 3)
        counter.settle()
        counter.extend(to: .max)
        #expect(counter.value == HandshakeCounter.shortestLeap)
        for _ in 0..<20 { counter.leapAhead() }
        let before = counter.value
        counter.leapAhead()
        #expect(counter.value == before + HandshakeCounter.longestLeap)
    }

    @Test func `a process that returns after another one is preferred for a minute`() {
        var known = KnownInstances()
        let meetings: [(UInt64, Int64)] = [
            (1, 0), (1, 1), (2, 2), (1, 3), (2, 4), (1, 5),
            // One that nobody knew has been started instead.
            (3, 6), (1, 7), (1, 61_000),
        ]
        let found = meetings.map { known.meet($0.0, at: .at($0.1)) }
        #expect(
            found.map(\.standing) == [
                .unique, .unique, .unique, .shared, .refused, .shared, .unique, .refused, .shared,
            ]
        )
        #expect(found.map(\.isNews) == [false, false, false, true, false, false, false, false, true])
    }

    @Test func `processes that share a key have floors of their own`() {
        var floors = InstanceFloors()
        let taken = [(5, 1), (5, 1), (4, 1), (4, 2), (6, 1)].map { floors.take($0.0, of: $0.1) }
        #expect(taken == [true, false, false, true, true])
        for instance in 10..<10 + UInt64(InstanceFloors.maximum) { _ = floors.take(1, of: instance) }
        // At the limit nothing is forgotten, and nobody new is taken.
        let afterwards = [(1, 2), (1, 10), (2, 10), (1, 9)].map { floors.take($0.0, of: $0.1) }
        #expect(afterwards == [false, false, true, false])
    }

    @Test func `what a process has spent before stays spent`() {
        var floors = InstanceFloors(spent: [7: 5])
        let taken = [(5, 7), (6, 7), (1, 8)].map { floors.take($0.0, of: $0.1) }
        #expect(taken == [false, true, true])
    }
}
