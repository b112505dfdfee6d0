import PosternModel

/// HyStart++ (RFC 9406): leaves slow start when round trips grow, before packets are lost.
struct HyStart {
    /// RFC 9406 §4.3.
    private static let minimumThreshold = Interval.milliseconds(4)
    private static let maximumThreshold = Interval.milliseconds(16)
    private static let thresholdDivisor: Int64 = 8
    private static let samplesPerRound = 8
    private static let conservativeDivisor = 4
    private static let conservativeRounds = 5

    /// How slow start goes on.
    enum Pace {
        case standard
        case conservative(divisor: Int)
        case finished
    }

    private enum Phase {
        case standard
        /// `baseline`: the round trip that made us careful; `rounds`: how many rounds this has lasted.
        case conservative(baseline: Interval, rounds: Int)
        case finished
    }

    private var phase = Phase.standard
    private var roundEnd: Instant?
    private var lastMinimum: Interval?
    private var currentMinimum: Interval?
    private var sampleCount = 0

    /// Takes an acknowledgement in slow start.
    mutating func observe(_ ack: CongestionAck) -> Pace {
        let isNewRound = roundEnd.map { ack.sentAt >= $0 } ?? true
        if isNewRound { beginRound(at: ack.now) }
        currentMinimum = min(currentMinimum ?? ack.roundTrip.latest, ack.roundTrip.latest)
        sampleCount += 1
        switch phase {
        case .standard:
            if let current = enoughSamples, let last = lastMinimum, current >= last + Self.threshold(last) {
                phase = .conservative(baseline: current, rounds: 0)
            }
            return .standard
        case .conservative(let baseline, let rounds):
            if let current = enoughSamples, current < baseline {
                phase = .standard
                return .standard
            }
            let passed = isNewRound ? rounds + 1 : rounds
            phase = passed >= Self.conservativeRounds ? .finished : .conservative(baseline: baseline, rounds: passed)
            return passed >= Self.conservativeRounds ? .finished : .conservative(divisor: Self.conservativeDivisor)
        case .finished:
            return .finished
        }
    }

    private var enoughSamples: Interval? {
        sampleCount >= Self.samplesPerRound ? currentMinimum : nil
    }

    private mutating func beginRound(at now: Instant) {
        roundEnd = now
        lastMinimum = currentMinimum
        currentMinimum = nil
        sampleCount = 0
    }

    private static func threshold(_ last: Interval) -> Interval {
        max(minimumThreshold, min(last / thresholdDivisor, maximumThreshold))
    }
}
