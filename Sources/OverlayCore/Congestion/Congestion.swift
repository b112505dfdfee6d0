import PosternModel

/// The congestion controllers to choose from.
package enum CongestionAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// Version 3 of BBR (draft-ietf-ccwg-bbr).
    case bbr
    /// RFC 9438 with HyStart++ (RFC 9406).
    case cubic

    /// A controller for a path that begins. `seed` spreads what flows would otherwise do at the same time.
    func controller(packetSize: Int, seed: UInt64) -> any Congestion {
        switch self {
        case .bbr: RunningController(BBR(packetSize: packetSize, seed: seed))
        case .cubic: RunningController(Cubic(packetSize: packetSize))
        }
    }
}

/// The controller of one path, whichever it is: what ``CongestionController`` says, behind a reference.
protocol Congestion: AnyObject {
    var window: Int { get }
    var isHoldingBack: Bool { get }
    func pacingRate(roundTrip: Interval) -> UInt64
    func resume(at now: Instant)
    func acknowledge(_ ack: CongestionAck)
    func lose(_ loss: CongestionLoss)
    func notePersistentCongestion(at now: Instant)
    func noteSpuriousLoss(_ loss: SpuriousLoss)
    func mark(_ mark: CongestionMark)
    func setPacketSize(_ byteCount: Int)
}

/// Keeps a controller where it is: its state is too large to be copied for each packet.
final class RunningController<Controller: CongestionController & ~Copyable>: Congestion {
    private var controller: Controller

    init(_ controller: consuming Controller) {
        self.controller = controller
    }

    var window: Int { controller.window }
    var isHoldingBack: Bool { controller.isHoldingBack }
    func pacingRate(roundTrip: Interval) -> UInt64 { controller.pacingRate(roundTrip: roundTrip) }
    func resume(at now: Instant) { controller.resume(at: now) }
    func acknowledge(_ ack: CongestionAck) { controller.acknowledge(ack) }
    func lose(_ loss: CongestionLoss) { controller.lose(loss) }
    func notePersistentCongestion(at now: Instant) { controller.notePersistentCongestion(at: now) }
    func noteSpuriousLoss(_ loss: SpuriousLoss) { controller.noteSpuriousLoss(loss) }
    func mark(_ mark: CongestionMark) { controller.mark(mark) }
    func setPacketSize(_ byteCount: Int) { controller.setPacketSize(byteCount) }
}
