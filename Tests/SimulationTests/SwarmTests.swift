import OverlayCore
import Simulation
import Testing

@Suite struct SwarmTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `a random world is safe and heals`(seed: UInt64) throws {
        let summary = try World(.swarm(seed: seed)).runToEnd()
        #expect(summary.packetCount > 0)
    }

    /// Seeds that found something.
    // 35: the path that was left for somebody who forwarded packets came back with a window that was full for ever.
    // 128: an answer to a first message that somebody brought from elsewhere proved the address that it came from.
    // 313: a packet under older keys proved an address to which message 2 had gone alone.
    // 337: a session that was limited on a path to nowhere asked for nothing at the addresses that it knew.
    @Test(arguments: [35, 128, 313, 337])
    func `a random world that once failed is safe and heals`(seed: UInt64) throws {
        #expect(try World(.swarm(seed: seed)).runToEnd().completeCount > 0)
    }

    // 375: after both hosts slept, their handshakes crossed and neither was allowed to send anything.
    // 872: both had moved and were limited on a path that led nowhere; the one on which the keys came was not taken.
    // 295: a session whose peer had crashed before it said anything waited for it for minutes, with a stream.
    // 1348: a first message from before the peer's restart ended the session that had begun since.
    @Test(arguments: [375, 872, 295, 1348])
    func `a wild world is safe and heals`(seed: UInt64) throws {
        let world = try World(try #require(Scenario.named("wild", seed: seed)))
        #expect(try world.runToEnd().completeCount > 0)
    }

    @Test(arguments: ["swarm", "attacks"])
    func `the same seed gives the same packets and another gives others`(name: String) throws {
        func digest(_ seed: UInt64) throws -> UInt64 {
            try World(try #require(Scenario.named(name, seed: seed))).runToEnd().digest
        }
        let first = try digest(5)
        #expect(try digest(5) == first)
        #expect(try digest(6) != first)
    }

    @Test func `watching the packets changes none of them`() throws {
        let world = try World(.swarm(seed: 3))
        var lines: [String] = []
        world.observePackets { lines.append($0.line) }
        let summary = try world.runToEnd()
        #expect(lines.count >= summary.packetCount)
        #expect(try World(.swarm(seed: 3)).runToEnd().digest == summary.digest)
    }
}
