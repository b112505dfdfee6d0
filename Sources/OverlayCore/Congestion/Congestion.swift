import OverlayWire

/// The congestion controllers to choose from.
package enum CongestionAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// Version 3 of BBR (draft-ietf-ccwg-bbr).
    case bbr
    /// RFC 9438 with HyStart++ (RFC 9406).
    case cubic
}

/// The controller of one path.
enum Congestion: CongestionController {
    case bbr(BBR)
    case cubic(Cubic)

    /// `seed` spreads what flows would otherwise do at the same time.
    init(_ algorithm: CongestionAlgorithm, packetSize: Int, seed: UInt64) {
        switch algorithm {
        case .bbr: self = .bbr(BBR(packetSize: packetSize, seed: seed))
        case .cubic: self = .cubic(Cubic(packetSize: packetSize))
        }
    }

    var window: Int {
        switch self {
        case .bbr(let bbr): bbr.window
        case .cubic(let cubic): cubic.window
        }
    }

    var isHoldingBack: Bool {
        switch self {
        case .bbr(let bbr): bbr.isHoldingBack
        case .cubic(let cubic): cubic.isHoldingBack
        }
    }

    func pacingRate(roundTrip: Interval) -> UInt64 {
        switch self {
        case .bbr(let bbr): bbr.pacingRate(roundTrip: roundTrip)
        case .cubic(let cubic): cubic.pacingRate(roundTrip: roundTrip)
        }
    }

    mutating func resume(at now: Instant) {
        update(bbr: { $0.resume(at: now) }, cubic: { $0.resume(at: now) })
    }

    mutating func acknowledge(_ ack: CongestionAck) {
        update(bbr: { $0.acknowledge(ack) }, cubic: { $0.acknowledge(ack) })
    }

    mutating func lose(_ loss: CongestionLoss) {
        update(bbr: { $0.lose(loss) }, cubic: { $0.lose(loss) })
    }

    mutating func collapse(at now: Instant) {
        update(bbr: { $0.collapse(at: now) }, cubic: { $0.collapse(at: now) })
    }

    mutating func recant(_ loss: RecantedLoss) {
        update(bbr: { $0.recant(loss) }, cubic: { $0.recant(loss) })
    }

    mutating func mark(_ mark: CongestionMark) {
        update(bbr: { $0.mark(mark) }, cubic: { $0.mark(mark) })
    }

    mutating func setPacketSize(_ byteCount: Int) {
        update(bbr: { $0.setPacketSize(byteCount) }, cubic: { $0.setPacketSize(byteCount) })
    }

    private mutating func update(bbr changeBBR: (inout BBR) -> Void, cubic changeCubic: (inout Cubic) -> Void) {
        switch self {
        case .bbr(var bbr):
            changeBBR(&bbr)
            self = .bbr(bbr)
        case .cubic(var cubic):
            changeCubic(&cubic)
            self = .cubic(cubic)
        }
    }
}
