import PosternModel
import Testing

@testable import OverlayCore

// RFC 9406 §4.2
@Suite("HyStart++")
struct HyStartTests {
    /// Rounds of acknowledgements, each with its own round trips.
    private struct World {
        var hyStart = HyStart()
        var now = Instant.at(0)

        /// One round of `count` acknowledgements that show these round trips in milliseconds; the paces it led to.
        mutating func round(_ roundTrip: Int64, count: Int = 10) -> [HyStart.Pace] {
            let sentAt = now
            now = now + .milliseconds(roundTrip)
            return (0..<count).map { _ in
                hyStart.observe(.of(1000, sentAt: sentAt, now: now, roundTrip: .milliseconds(roundTrip)))
            }
        }
    }

    private func names(_ paces: [HyStart.Pace]) -> [String] {
        paces.map {
            switch $0 {
            case .standard: "standard"
            case .conservative(let divisor): "by \(divisor)"
            case .finished: "finished"
            }
        }
    }

    @Test func `while round trips stay, slow start goes on`() {
        var world = World()
        for _ in 0..<20 { #expect(Set(names(world.round(100))) == ["standard"]) }
    }

    // An eighth of 80 ms is 10 ms.
    @Test(
        arguments: [
            (80, 89, false), (80, 90, true), (20, 23, false), (20, 24, true), (400, 415, false), (400, 416, true),
        ] as [(Int64, Int64, Bool)]
    )
    func `round trips that grow by an eighth, within 4 and 16 ms, make it careful`(
        before: Int64,
        after: Int64,
        isCareful: Bool
    ) {
        var world = World()
        _ = world.round(before)
        _ = world.round(after)
        #expect(names(world.round(after)).first == (isCareful ? "by 4" : "standard"))
    }

    @Test func `fewer than eight samples tell nothing`() {
        var world = World()
        _ = world.round(100, count: 10)
        _ = world.round(200, count: 7)
        #expect(names(world.round(100, count: 1)) == ["standard"])
    }

    @Test func `careful for five rounds, then slow start is over`() {
        var world = World()
        _ = world.round(100)
        // The rest of this round is the first of the five.
        #expect(names(world.round(150)).last == "by 4")
        for _ in 0..<4 { #expect(Set(names(world.round(150))) == ["by 4"]) }
        #expect(names(world.round(150)).first == "finished")
    }

    @Test func `round trips that fall again bring standard slow start back`() {
        var world = World()
        _ = world.round(100)
        _ = world.round(150)
        #expect(names(world.round(100)).last == "standard")
        #expect(names(world.round(100)).last == "standard")
    }
}
