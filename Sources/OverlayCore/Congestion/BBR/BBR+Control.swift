import PosternModel

// Pacing rate and window (draft-ietf-ccwg-bbr §5.6).
extension BBR {
    func pacingRate(roundTrip: Interval) -> UInt64 {
        let initial = Double(window) * Constants.startupPacingGain / max(roundTrip.seconds, 1e-6)
        return UInt64(min(max(pace ?? initial, 1), 1e15))
    }

    /// draft §5.6.2: in startup the pace never falls.
    mutating func setPace(gain: Double) {
        let rate = gain * bandwidth * (1 - Constants.pacingMargin)
        guard rate > 0, fullPipe.isReached || rate > pace ?? 0 else { return }
        pace = rate
    }

    var minimumWindow: Int { floor.packets * packetSize }

    /// The bandwidth-delay product times `gain`; the initial window before anything is known.
    func bdp(gain: Double) -> Int {
        guard let roundTrip = model.roundTrip.minimum, bandwidth > 0 else {
            return Int(gain * Double(CongestionWindow.initialPackets * packetSize))
        }
        return Int(gain * min(bandwidth * roundTrip.seconds, 1e12))
    }

    /// draft §5.6.4.2: enough for the bursts of sender and receiver.
    private func quantized(_ bytes: Int) -> Int {
        let burst = Pacer.quantum(rate: UInt64(pace ?? 0), packetSize: packetSize)
        let least = max(bytes, 3 * Int(burst), minimumWindow)
        return state == .up ? least + 2 * packetSize : least
    }

    func inflight(gain: Double) -> Int { quantized(bdp(gain: gain)) }

    var probeRTTWindow: Int { max(bdp(gain: Constants.probeRTTWindowGain), minimumWindow) }

    /// What may be in flight so that others find room (draft §5.3.3.2).
    var windowWithHeadroom: Int {
        guard let bound = bounds.longTerm else { return .max }
        let headroom = max(packetSize, Int(Constants.headroom * Double(bound)))
        return max(bound - headroom, minimumWindow)
    }

    /// Whether the window, not the application or the pacer, decided what was in flight.
    func isWindowLimited(_ ack: CongestionAck) -> Bool {
        ack.bytesInFlightBefore + 2 * packetSize > window
    }

    /// draft §5.6.4.5.
    mutating func setWindow(_ ack: CongestionAck) {
        // Where even the least overflows the queue, nothing else is to be learnt.
        guard !floor.isLowered else {
            window = minimumWindow
            return
        }
        let wanted = quantized(bdp(gain: state.windowGain) + model.aggregation.extra)
        if fullPipe.isReached {
            window = min(window + ack.byteCount, wanted)
        } else if window < wanted || ack.delivered < UInt64(CongestionWindow.initialPackets * packetSize) {
            window += ack.byteCount
        }
        window = max(window, minimumWindow)
        if state == .probeRTT { window = min(window, probeRTTWindow) }
        window = min(window, boundedWindow)
    }

    /// draft §5.6.4.7.
    private var boundedWindow: Int {
        let longTerm =
            switch state {
            case .startup, .drain: Int.max
            case .down, .refill, .up: bounds.longTerm ?? .max
            case .cruise, .probeRTT: windowWithHeadroom
            }
        return max(min(longTerm, bounds.shortTerm ?? .max), minimumWindow)
    }
}
