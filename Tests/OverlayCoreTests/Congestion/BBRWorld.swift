import PosternModel

@testable import OverlayCore

/// A path with BBR on it: packets of 1000 bytes leave at the pace and within the window, wait for a wire of some rate
/// with a queue before it, and are acknowledged one by one.
final class BBRWorld {
    static let packet = 1000
    var bbr = BBR(packetSize: packet, seed: 7)
    var now = Instant.at(0)
    /// Bytes per second that the wire carries.
    var rate: Double
    /// Without the queue.
    var roundTrip: Interval
    /// Bytes that wait for the wire at most.
    var queue: Int
    /// Every so many packets are lost behind the queue; 0 for none.
    var losesEvery = 0
    /// The most that the application sends, in bytes per second.
    var appetite = Double.infinity

    private(set) var sent = 0
    private(set) var lost = 0
    private(set) var delivery = DeliveryRate()
    private(set) var bytesInFlight = 0
    /// The states that were entered, in order.
    private(set) var states: [BBR.State] = [.startup]
    private var estimator = RoundTripEstimator()
    private var onTheWay: [(packet: SentPacket, arrival: Instant?)] = []
    private var firstOnTheWay = 0
    private var wireIsFreeAt = Instant.at(0)
    private var nextDeparture = Instant.at(0)

    init(megabitsPerSecond: Double = 20, roundTrip: Int64 = 40, queueProducts: Double = 1) {
        rate = megabitsPerSecond * 125_000
        self.roundTrip = .milliseconds(roundTrip)
        queue = Int(rate * self.roundTrip.seconds * queueProducts)
    }

    var product: Int { Int(rate * roundTrip.seconds) }
    /// Bytes that have arrived.
    var delivered: Int { Int(delivery.delivered) }

    /// Lets `span` pass, or less if `isDone` holds before; returns whether it did.
    @discardableResult
    func run(_ span: Interval, until isDone: (BBRWorld) -> Bool = { _ in false }) -> Bool {
        let end = now + span
        while true {
            if isDone(self) { return true }
            let hasWindow = bytesInFlight + Self.packet <= bbr.window
            let departure = hasWindow ? max(nextDeparture, now) : Instant.distantFuture
            let arrival = nextArrival ?? .distantFuture
            guard min(departure, arrival) <= end else {
                now = end
                return false
            }
            now = min(departure, arrival)
            if arrival <= departure { acknowledge() } else { depart() }
            if states.last != bbr.state { states.append(bbr.state) }
        }
    }

    /// When the next packet that is not lost arrives.
    private var nextArrival: Instant? {
        onTheWay[firstOnTheWay...].lazy.compactMap(\.arrival).first
    }

    private func depart() {
        if bytesInFlight == 0 { bbr.resume(at: now) }
        let stamp = delivery.stamp(byteCount: Self.packet, bytesInFlight: bytesInFlight, at: now)
        let packet = SentPacket(sentAt: now, byteCount: Self.packet, isTracked: true, pathSerial: 1, stamp: stamp)
        bytesInFlight += Self.packet
        sent += 1
        let waiting = Double(max(0, (wireIsFreeAt - now).nanoseconds)) * rate / 1e9
        var arrival: Instant?
        if Int(waiting) + Self.packet <= queue {
            wireIsFreeAt = max(wireIsFreeAt, now) + Interval(nanoseconds: Int64(Double(Self.packet) / rate * 1e9))
            arrival = losesEvery > 0 && sent % losesEvery == 0 ? nil : wireIsFreeAt + roundTrip
        }
        onTheWay.append((packet, arrival))
        let pace = min(Double(bbr.pacingRate(roundTrip: roundTrip)), appetite)
        nextDeparture = now + Interval(nanoseconds: Int64(Double(Self.packet) / pace * 1e9))
        if appetite < rate { delivery.noteAppLimited(bytesInFlight: bytesInFlight) }
    }

    /// The next packet arrives; those before it that have not are lost.
    private func acknowledge() {
        let before = bytesInFlight
        while onTheWay[firstOnTheWay].arrival == nil {
            lose(onTheWay[firstOnTheWay].packet)
            firstOnTheWay += 1
        }
        let packet = onTheWay[firstOnTheWay].packet
        firstOnTheWay += 1
        if firstOnTheWay > 4096 {
            onTheWay.removeFirst(firstOnTheWay)
            firstOnTheWay = 0
        }
        bytesInFlight -= Self.packet
        estimator.sample(now - packet.sentAt, ackDelay: .zero)
        var measurement: DeliveryRate.Measurement?
        delivery.deliver(packet, at: now, into: &measurement)
        guard let measurement else { return }
        bbr.acknowledge(
            CongestionAck(
                byteCount: Self.packet,
                sentAt: packet.sentAt,
                now: now,
                bytesInFlightBefore: before,
                bytesInFlight: bytesInFlight,
                roundTrip: estimator,
                delivered: delivery.delivered,
                sample: delivery.sample(measurement, minimum: estimator.minimum)
            )
        )
        if bbr.isHoldingBack { delivery.noteAppLimited(bytesInFlight: bytesInFlight) }
    }

    private func lose(_ packet: SentPacket) {
        bytesInFlight -= Self.packet
        lost += 1
        delivery.lose(packet)
        bbr.lose(
            CongestionLoss(
                byteCount: Self.packet,
                sentAt: packet.sentAt,
                now: now,
                roundTrip: estimator,
                bytesInFlight: Int(packet.stamp.bytesInFlight),
                lostSince: Int(delivery.lost - packet.stamp.lost),
                isAppLimited: packet.stamp.isAppLimited
            )
        )
    }
}
