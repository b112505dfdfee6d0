import PosternModel

/// What BBR knows of a path (draft-ietf-ccwg-bbr §5.5): filters over the samples of its ACK frames.
struct PathModel {
    private(set) var round = RoundCounter()
    var bandwidth = BandwidthFilter()
    private(set) var roundTrip = RoundTripFilter()
    var aggregation = AckAggregation()
    /// Round trips by which congestion signals are gathered: a round of its own, since each begins with what was in
    /// flight when the last one was judged.
    private(set) var signalRound = RoundCounter()
    /// The highest rate and the most delivered in the present round of signals.
    private(set) var latestRate = 0.0
    private(set) var latestDelivered = 0
    /// Bytes that the path had delivered when it was last heard of.
    private var delivered: UInt64 = 0

    /// Takes the sample of an ACK frame.
    mutating func observe(_ ack: CongestionAck, hasFullPipe: Bool, window: Int) {
        let sample = ack.sample
        delivered = ack.delivered
        latestRate = max(latestRate, sample.rate)
        latestDelivered = max(latestDelivered, sample.delivered)
        signalRound.observe(sample, delivered: ack.delivered)
        round.observe(sample, delivered: ack.delivered)
        if sample.rate >= bandwidth.maximum || !sample.isAppLimited { bandwidth.observe(sample.rate) }
        aggregation.observe(ack, rate: bandwidth.maximum, round: round.count, window: window, isLong: hasFullPipe)
    }

    /// Begins the next round of signals with what the last sample showed.
    mutating func advanceLatest(_ sample: RateSample) {
        guard signalRound.isStart else { return }
        latestRate = sample.rate
        latestDelivered = sample.delivered
    }

    /// Begins a round with what leaves next.
    mutating func beginRound() { round.begin(delivered: delivered) }

    /// Begins a round of signals with what leaves next.
    mutating func beginSignalRound() { signalRound.begin(delivered: delivered) }

    /// True when the shortest round trip has to be probed for.
    mutating func observeRoundTrip(_ latest: Interval, at now: Instant) -> Bool {
        roundTrip.observe(latest, at: now)
    }

    /// The shortest round trip was measured with an empty queue just now.
    mutating func renewRoundTrip(at now: Instant) { roundTrip.renew(at: now) }
}

/// Counts round trips by packets: one ends when a packet arrives that left after the last one ended (draft §5.5.1).
struct RoundCounter {
    private(set) var count = 0
    /// Whether the last sample began a round.
    private(set) var isStart = false
    private var nextDelivered: UInt64 = 0

    mutating func observe(_ sample: RateSample, delivered: UInt64) {
        isStart = sample.deliveredBefore >= nextDelivered
        guard isStart else { return }
        nextDelivered = delivered
        count += 1
    }

    mutating func begin(delivered: UInt64) { nextDelivered = delivered }
}

/// The highest rate in this ProbeBW cycle and the last (draft §5.5.5).
struct BandwidthFilter {
    private var present = 0.0
    private var last = 0.0

    var maximum: Double { max(present, last) }

    mutating func observe(_ rate: Double) { present = max(present, rate) }

    /// A cycle has ended; one without any sample forgets nothing.
    mutating func advance() {
        guard present > 0 else { return }
        last = present
        present = 0
    }
}

/// The shortest round trip of the last ten seconds, and of the last five (draft §5.5.7).
struct RoundTripFilter {
    /// Nil before the first sample.
    private(set) var minimum: Interval?
    private var minimumAt = Instant(nanoseconds: 0)
    private var recent = Interval(nanoseconds: .max)
    private var recentAt = Instant(nanoseconds: 0)

    /// Takes a round trip. True when the shortest one was not seen for ``BBR/Constants/probeRTTInterval``.
    mutating func observe(_ latest: Interval, at now: Instant) -> Bool {
        let isExpired = minimum != nil && now > recentAt + BBR.Constants.probeRTTInterval
        if latest < recent || isExpired {
            recent = latest
            recentAt = now
        } else if latest <= recent + recent / BBR.Tuning.sameRoundTrip {
            recentAt = now
        }
        if minimum.map({ recent <= $0 }) ?? true || now > minimumAt + BBR.Constants.roundTripLife {
            minimum = recent
            minimumAt = recentAt
        }
        return isExpired
    }

    mutating func renew(at now: Instant) { recentAt = now }

    /// Whether a round trip of `latest` has waited in a queue (``BBR/Tuning/queueShare``).
    func showsQueue(_ latest: Interval) -> Bool {
        guard let minimum else { return false }
        return latest > minimum + max(minimum / BBR.Tuning.queueShare, BBR.Tuning.queueFloor)
    }

    /// Whether round trips have waited in a queue for some time: they are longer than the shortest by more than they
    /// vary.
    func showsStandingQueue(_ roundTrip: RoundTripEstimator) -> Bool {
        showsQueue(roundTrip.smoothed - roundTrip.variation * BBR.Tuning.jitterMargin)
    }
}

/// How much more than expected arrives at once, because acknowledgements come in clumps (draft §5.5.9).
struct AckAggregation {
    private var startedAt: Instant?
    private var delivered = 0.0
    /// The most in the present span of rounds and in the one before.
    private var present = 0
    private var last = 0
    private var spanStart = 0

    /// Bytes that have to be in flight beyond the BDP so that clumps do not stall the sender.
    var extra: Int { max(present, last) }

    mutating func restart(at now: Instant) {
        startedAt = now
        delivered = 0
    }

    /// `isLong`: whether the maximum is one of many rounds, or of the last alone.
    mutating func observe(_ ack: CongestionAck, rate: Double, round: Int, window: Int, isLong: Bool) {
        let start = startedAt ?? ack.now
        startedAt = start
        var expected = rate * (ack.now - start).seconds
        if delivered <= expected {
            restart(at: ack.now)
            expected = 0
        }
        delivered += Double(ack.byteCount)
        if round - spanStart >= (isLong ? BBR.Constants.aggregationRounds / 2 : 1) {
            last = present
            present = 0
            spanStart = round
        }
        present = max(present, min(Int(delivered - expected), window))
    }
}

extension RateSample {
    /// Bytes per second, 0 when they are not known.
    var rate: Double { Double(bytesPerSecond ?? 0) }
}
