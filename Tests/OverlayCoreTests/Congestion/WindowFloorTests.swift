import Testing

@testable import OverlayCore

@Suite struct WindowFloorTests {
    private func endRounds(_ count: Int, of floor: inout WindowFloor) {
        for _ in 0..<count { floor.endRound() }
    }

    @Test func `each round that loses takes a packet, down to one`() {
        var floor = WindowFloor()
        floor.endRound()
        #expect(floor.packets == 4 && !floor.isLowered)
        for expected in [3, 2, 1, 1] {
            floor.lose()
            floor.lose()
            floor.endRound()
            #expect(floor.packets == expected && floor.isLowered)
        }
    }

    @Test func `rounds without loss give it back, ever later while that turns out to be too much`() {
        var floor = WindowFloor()
        floor.lose()
        floor.endRound()
        endRounds(15, of: &floor)
        #expect(floor.packets == 3)
        floor.endRound()
        #expect(floor.packets == 4)
        for _ in 0..<2 {
            floor.lose()
            floor.endRound()
        }
        // The second loss came while the floor was lowered.
        endRounds(31, of: &floor)
        #expect(floor.packets == 2)
        floor.endRound()
        #expect(floor.packets == 3)
        for _ in 0..<20 {
            floor.lose()
            floor.endRound()
        }
        endRounds(WindowFloor.longestPatience - 1, of: &floor)
        #expect(floor.packets == 1)
        floor.endRound()
        #expect(floor.packets == 2)
    }
}
