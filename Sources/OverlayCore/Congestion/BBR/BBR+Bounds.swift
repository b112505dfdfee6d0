import PosternModel

// What losses and congestion marks do to the model (draft-ietf-ccwg-bbr §5.5.10).
extension BBR {
    /// What may be in flight, and how fast, whatever the filters say.
    struct Bounds {
        /// Bytes in flight beyond which much was lost; nil while unknown (inflight_longterm).
        var longTerm: Int?
        /// Bytes in flight and rate while others use the path more than when it was probed (inflight_shortterm,
        /// bw_shortterm).
        var shortTerm: Int?
        var shortTermRate: Double?
        /// Whether there was congestion in the present round of signals.
        var isCongested = false
        /// Losses in the present round of signals.
        var startupLosses = 0

        mutating func resetShortTerm() {
            shortTerm = nil
            shortTermRate = nil
        }

        mutating func resetSignals() {
            isCongested = false
            startupLosses = 0
        }
    }

    /// What the losses of one episode changed (draft §5.5.10.4).
    struct Undo {
        var episode: LossEpisode
        var state: State
        var bounds: Bounds
    }

    /// The rate to send at.
    var bandwidth: Double { min(model.bandwidth.maximum, bounds.shortTermRate ?? .infinity) }

    // MARK: Signals

    mutating func lose(_ loss: CongestionLoss) {
        saveState(at: loss.now)
        undo?.episode.lose()
        bounds.startupLosses += 1
        let hasQueue = model.roundTrip.showsQueue(loss.roundTrip.adjusted)
        let isTooMuch = Self.isTooMuch(
            lost: loss.lostSince,
            of: loss.bytesInFlight,
            packetSize: packetSize,
            hasQueue: hasQueue,
            isStanding: hasQueue && model.roundTrip.showsStandingQueue(loss.roundTrip)
        )
        // With no more in flight than there must be, and that more than the path is known to carry.
        if window <= minimumWindow, bdp(gain: 1) < Constants.minimumPackets * packetSize { floor.lose() }
        if hasQueue || isTooMuch { noteCongestion(sentAt: loss.sentAt) }
        guard isTooMuch, cycle.isSampling else { return }
        // What was in flight when the threshold was crossed: this packet's share less what was lost beyond it.
        let threshold = hasQueue ? Constants.lossThreshold : Tuning.bareLossThreshold
        let excess = Double(loss.lostSince) - threshold * Double(loss.bytesInFlight)
        backOff(
            to: loss.bytesInFlight - max(0, Int(excess)),
            isAppLimited: loss.isAppLimited,
            at: loss.now
        )
    }

    /// A mark comes from a queue: it counts as losses beyond the threshold.
    mutating func mark(_ mark: CongestionMark) {
        noteCongestion(sentAt: mark.sentAt)
        undo = nil
        if state == .startup {
            leaveStartupForLoss()
        } else if cycle.isSampling {
            backOff(to: window, isAppLimited: false, at: mark.now)
        }
    }

    /// Only cruising is bounded in the short term (the draft bounds down as well): what was sent before was sent to
    /// probe, or with the queue of the probe still there and at a rate that we chose ourselves.
    private mutating func noteCongestion(sentAt: Instant) {
        if state == .cruise, sentAt >= cruiseStartedAt { bounds.isCongested = true }
    }

    /// draft §5.5.10.4: every loss of an episode was none.
    mutating func noteSpuriousLoss(_ loss: SpuriousLoss) {
        guard undo?.episode.noteSpuriousLoss(loss) == true, let before = undo else { return }
        undo = nil
        bounds.isCongested = false
        bounds.startupLosses = 0
        resetFullPipe(rate: 0)
        bounds.longTerm = Self.larger(bounds.longTerm, before.bounds.longTerm)
        bounds.shortTerm = Self.larger(bounds.shortTerm, before.bounds.shortTerm)
        bounds.shortTermRate = Self.larger(bounds.shortTermRate, before.bounds.shortTermRate)
        guard state != .probeRTT, state != before.state else { return }
        switch before.state {
        case .startup:
            state = .startup
            fullPipe.isReached = false
        case .up:
            cycle.isSampling = true
            cycle.ackPhase = .starting
            state = .up
        case .drain, .down, .cruise, .refill, .probeRTT:
            break
        }
    }

    /// The wider of two bounds; nil is none.
    private static func larger<Value: Comparable>(_ one: Value?, _ other: Value?) -> Value? {
        guard let one, let other else { return nil }
        return max(one, other)
    }

    private mutating func saveState(at now: Instant) {
        guard bounds.startupLosses == 0 else { return }
        model.beginSignalRound()
        undo = Undo(episode: LossEpisode(at: now), state: state, bounds: bounds)
    }

    /// Whether so many lost bytes of what was in flight mean that too much was: see ``Tuning``. `isStanding`: whether
    /// the queue has been there for some time.
    static func isTooMuch(
        lost: Int,
        of bytesInFlight: Int,
        packetSize: Int,
        hasQueue: Bool,
        isStanding: Bool
    ) -> Bool {
        let expected = Double(bytesInFlight) * (hasQueue ? Constants.lossThreshold : Tuning.bareLossThreshold)
        // Where few packets meet a full queue chance is no excuse: every loss shows that they are too many.
        if isStanding, bytesInFlight < Tuning.fewPackets * packetSize { return Double(lost) > expected }
        // Losses by chance are Poisson's: their variance is their number.
        let deviation = (expected * Double(packetSize)).squareRoot()
        return Double(lost) > expected + Tuning.lossDeviations * deviation
    }

    func isTooMuch(_ sample: RateSample, roundTrip: RoundTripEstimator) -> Bool {
        guard sample.lost > 0 else { return false }
        let hasQueue = model.roundTrip.showsQueue(roundTrip.adjusted)
        return Self.isTooMuch(
            lost: sample.lost,
            of: sample.bytesInFlight,
            packetSize: packetSize,
            hasQueue: hasQueue,
            isStanding: hasQueue && model.roundTrip.showsStandingQueue(roundTrip)
        )
    }

    // MARK: Bounds

    /// draft §5.3.1.3.
    mutating func leaveStartupForLoss() {
        fullPipe.isReached = true
        bounds.longTerm = max(bdp(gain: 1), model.latestDelivered)
    }

    /// draft §5.5.10.3: at the end of a round with congestion, the rate and what is in flight go down to what the path
    /// delivered.
    mutating func adaptShortTermBounds() {
        guard model.signalRound.isStart else { return }
        let isCongested = bounds.isCongested
        bounds.resetSignals()
        guard isCongested, state == .cruise else { return }
        let rate = bounds.shortTermRate ?? model.bandwidth.maximum
        let inflight = bounds.shortTerm ?? window
        bounds.shortTermRate = max(model.latestRate, rate * Constants.beta)
        bounds.shortTerm = max(model.latestDelivered, Int(Double(inflight) * Constants.beta))
    }

    /// draft §5.5.10.2: what a probe for more has shown.
    mutating func adaptLongTermBound(_ ack: CongestionAck) {
        if model.round.isStart {
            switch cycle.ackPhase {
            case .starting:
                cycle.ackPhase = .feedback
            case .stopping:
                cycle.isSampling = false
                cycle.ackPhase = .none
                if isCycling, !ack.sample.isAppLimited { model.bandwidth.advance() }
            case .none, .refilling, .feedback:
                break
            }
        }
        if isTooMuch(ack.sample, roundTrip: ack.roundTrip) {
            if cycle.isSampling {
                backOff(to: ack.sample.bytesInFlight, isAppLimited: ack.sample.isAppLimited, at: ack.now)
            }
            return
        }
        guard let bound = bounds.longTerm else { return }
        bounds.longTerm = max(bound, ack.sample.bytesInFlight)
        if state == .up { raiseLongTermBound(ack) }
    }

    private mutating func raiseLongTermBound(_ ack: CongestionAck) {
        guard let bound = bounds.longTerm, isWindowLimited(ack), window >= bound else { return }
        cycle.raisedBy += ack.byteCount
        if cycle.raisedBy >= cycle.bytesPerRaise {
            let packets = cycle.raisedBy / cycle.bytesPerRaise
            cycle.raisedBy -= packets * cycle.bytesPerRaise
            bounds.longTerm = bound + packets * packetSize
        }
        if model.round.isStart { raiseSlope() }
    }

    /// Too much was in flight (draft §5.5.10.2 HandleInflightTooHigh).
    private mutating func backOff(to bytesInFlight: Int, isAppLimited: Bool, at now: Instant) {
        cycle.isSampling = false
        if !isAppLimited {
            let target = min(bdp(gain: 1), window)
            bounds.longTerm = max(bytesInFlight, Int(Double(target) * Constants.beta))
        }
        if state == .up { startDown(at: now) }
    }
}
