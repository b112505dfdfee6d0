import PosternModel

// Which state follows which (draft-ietf-ccwg-bbr §5.3).
extension BBR {
    // MARK: Startup and drain

    /// draft §5.3.1.2: the rate has stopped growing.
    mutating func checkFullPipe(_ ack: CongestionAck) {
        guard !fullPipe.isReachedNow, model.round.isStart, !ack.sample.isAppLimited else { return }
        if ack.sample.rate >= fullPipe.rate * Constants.fullPipeGrowth {
            resetFullPipe(rate: ack.sample.rate)
            return
        }
        fullPipe.count += 1
        fullPipe.isReachedNow = fullPipe.count >= Constants.fullPipeRounds
        if fullPipe.isReachedNow { fullPipe.isReached = true }
    }

    mutating func resetFullPipe(rate: Double) {
        fullPipe.rate = rate
        fullPipe.count = 0
        fullPipe.isReachedNow = false
    }

    mutating func checkStartup(_ ack: CongestionAck) {
        guard state == .startup else { return }
        if bounds.startupLosses >= Constants.startupLosses, isTooMuch(ack.sample, roundTrip: ack.roundTrip) {
            leaveStartupForLoss()
        }
        if fullPipe.isReached { state = .drain }
    }

    mutating func checkDrain(_ ack: CongestionAck) {
        if state == .drain, ack.bytesInFlight <= inflight(gain: 1) { startDown(at: ack.now) }
    }

    // MARK: The ProbeBW cycle (draft §5.3.3)

    mutating func advanceCycle(_ ack: CongestionAck) {
        guard fullPipe.isReached else { return }
        adaptLongTermBound(ack)
        switch state {
        case .down:
            if isTimeToProbe(ack.now) {
                startRefill()
            } else if ack.bytesInFlight <= min(windowWithHeadroom, inflight(gain: 1)) {
                startCruise(at: ack.now)
            }
        case .cruise:
            if isTimeToProbe(ack.now) { startRefill() }
        case .refill:
            if model.round.isStart { startUp(ack) }
        case .up:
            if isTimeToGoDown(ack) { startDown(at: ack.now) }
        case .startup, .drain, .probeRTT:
            break
        }
    }

    private func isTimeToProbe(_ now: Instant) -> Bool {
        if now > cycle.startedAt + cycle.wait { return true }
        // draft §5.3.3.8: a Reno flow with as many packets in flight takes as many rounds to grow back.
        let renoRounds = min(bdp(gain: 1), window) / packetSize
        return cycle.roundsSinceProbe >= min(renoRounds, Constants.maximumCruiseRounds)
    }

    private mutating func isTimeToGoDown(_ ack: CongestionAck) -> Bool {
        if isWindowLimited(ack), let bound = bounds.longTerm, window >= bound {
            // The bound, not the path, has kept the rate down so far.
            resetFullPipe(rate: ack.sample.rate)
            return false
        }
        return fullPipe.isReachedNow
    }

    mutating func startDown(at now: Instant) {
        bounds.resetSignals()
        cycle.bytesPerRaise = .max
        cycle.roundsSinceProbe = Int(draw(below: 2))
        cycle.wait = Constants.cruise + Interval(nanoseconds: Int64(draw(below: Constants.cruiseSpread)))
        cycle.startedAt = now
        cycle.ackPhase = .stopping
        model.beginRound()
        state = .down
    }

    private mutating func startCruise(at now: Instant) {
        cruiseStartedAt = now
        state = .cruise
    }

    private mutating func startRefill() {
        bounds.resetShortTerm()
        cycle.raiseRounds = 0
        cycle.raisedBy = 0
        cycle.ackPhase = .refilling
        model.beginRound()
        state = .refill
    }

    private mutating func startUp(_ ack: CongestionAck) {
        cycle.isSampling = true
        cycle.ackPhase = .starting
        cycle.startedAt = ack.now
        model.beginRound()
        resetFullPipe(rate: ack.sample.rate)
        state = .up
        raiseSlope()
    }

    /// The long-term bound grows twice as fast in each round (draft §5.3.3.6).
    mutating func raiseSlope() {
        let packets = 1 << cycle.raiseRounds
        cycle.raiseRounds = min(cycle.raiseRounds + 1, Constants.maximumRaiseRounds)
        cycle.bytesPerRaise = max(window / packets, 1)
    }

    // MARK: ProbeRTT (draft §5.3.4)

    mutating func checkRoundTrip(_ ack: CongestionAck) {
        let isDue = model.observeRoundTrip(ack.roundTrip.latest, at: ack.now)
        if isDue, state != .probeRTT, !roundTripProbe.isIdleRestart {
            roundTripProbe.window = window
            roundTripProbe.endsAt = nil
            cycle.ackPhase = .stopping
            model.beginRound()
            state = .probeRTT
        }
        if state == .probeRTT { holdBack(ack) }
        roundTripProbe.isIdleRestart = false
    }

    private mutating func holdBack(_ ack: CongestionAck) {
        if roundTripProbe.endsAt == nil {
            guard ack.bytesInFlight <= probeRTTWindow else { return }
            roundTripProbe.endsAt = ack.now + Constants.probeRTTDuration
            roundTripProbe.hasPassedRound = false
            model.beginRound()
        } else {
            if model.round.isStart { roundTripProbe.hasPassedRound = true }
            if roundTripProbe.hasPassedRound { finishRoundTripProbe(at: ack.now) }
        }
    }

    /// Ends ProbeRTT once its time has passed.
    mutating func finishRoundTripProbe(at now: Instant) {
        guard let endsAt = roundTripProbe.endsAt, now > endsAt else { return }
        model.renewRoundTrip(at: now)
        window = max(window, roundTripProbe.window)
        bounds.resetShortTerm()
        guard fullPipe.isReached else {
            state = .startup
            return
        }
        startDown(at: now)
        startCruise(at: now)
    }
}
