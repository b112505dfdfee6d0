import OverlayCore
import PosternModel
import Simulation
import Testing

/// Congestion marks of a queue, from end to end (RFC 9000 §13.4, RFC 9002 §7.1).
struct CongestionMarksTests {
    private func play(marksAbove: Int?) throws -> FairnessExperiment.Outcome {
        var wire = Bottleneck.Settings(megabitsPerSecond: 8, queueByteCount: 120_000)
        wire.marksAbove = marksAbove
        var experiment = FairnessExperiment([FairnessExperiment.Flow(.cubic, roundTrip: .milliseconds(40))], wire: wire)
        experiment.settling = .seconds(4)
        experiment.span = .seconds(14)
        return try experiment.play(seed: 1)
    }

    @Test func `a queue that marks loses nothing, stays short and is used as well as one that drops`() throws {
        let marking = try play(marksAbove: 20_000)
        let dropping = try play(marksAbove: nil)
        #expect(dropping.queue.markedCount == 0 && dropping.queue.droppedCount > 0)
        #expect(marking.queue.markedCount > 0 && marking.queue.droppedCount == 0)
        #expect(marking.utilisation > dropping.utilisation - 0.05)
        let longest = try #require(marking.queue.delays.max())
        #expect(longest < (try #require(dropping.queue.delays.max())) / 2)
    }
}
