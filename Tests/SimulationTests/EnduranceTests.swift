import OverlayCore
import OverlayWire
import PosternModel
import Simulation
import Testing

/// Streams that outlive what happens to machines and their networks: complete before anything heals, in the session in
/// which they began.
@Suite struct EnduranceTests {
    private func check(_ scenario: Scenario) throws -> World {
        let world = try World(scenario)
        _ = try world.runToEnd()
        for tag in scenario.streams.map(\.tag) {
            let record = try #require(world.streams.record(tag))
            #expect(record.isComplete)
            #expect(try #require(record.endedAt).nanoseconds < scenario.safetySpan.nanoseconds)
        }
        // One session, which both ends have seen begin once.
        #expect(world.sessions.count == (scenario.hub == nil ? 2 : 6))
        return world
    }

    @Test func `streams go on when a translator forgets its mappings`() throws {
        let world = try check(.natRebinding(seed: 1))
        let moves = world.paths.filter { $0.host == HostID(1) && $0.at > Instant(nanoseconds: 500_000_000) }
        #expect(moves.count == 3)
        // Each is noticed as soon as something comes through the new mapping, and proved one round trip later.
        for (move, second) in zip(moves, [1, 2, 4]) {
            #expect(move.at < Instant(nanoseconds: Int64(second) * 1_000_000_000) + .milliseconds(500))
        }
    }

    @Test func `a host behind a translator is reached after ten minutes of silence`() throws {
        let world = try check(.natIdle(seed: 1))
        for tag in 2...3 as ClosedRange<UInt64> {
            let record = try #require(world.streams.record(ContentTag(tag)))
            #expect(try #require(record.endedAt) - (try #require(record.openedAt)) < .milliseconds(100))
        }
    }

    @Test func `two hosts behind translators that map per destination talk through the hub`() throws {
        let world = try check(.natBoth(seed: 1))
        #expect(world.paths.allSatisfy { $0.host == HostID(2) || $0.peer == HostID(2) || $0.endpoint.isRelay })
    }

    @Test func `everything twice and out of order changes nothing for readers`() throws {
        let world = try check(.everythingTwice(seed: 1))
        #expect(world.datagrams.arrivedCount == 50)
    }

    @Test func `one session outlives rebinding, new addresses, sleep, clock steps and duplicates`() throws {
        _ = try check(.endurance(seed: 1))
    }
}
