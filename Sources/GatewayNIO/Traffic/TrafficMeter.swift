import GatewayCore
import NIOCore

/// What is counted together: one service, in one direction, with one peer.
package struct TrafficLabel: Hashable, Sendable {
    /// On which side of the service we are.
    package enum Direction: String, Hashable, Sendable {
        /// Peers use a service of ours.
        case exposed
        /// Programs here use a service of a peer.
        case reached
    }

    /// Ours or theirs, which service, and with whom.
    package let direction: Direction
    package let service: String
    /// How the peer is called here, else its did.
    package let peer: String
}

/// The counts of one label. Confined to the gateway's loop.
package final class TrafficMeter {
    package let label: TrafficLabel
    package let history: TrafficHistory
    /// Requests that ended, by the hundreds of their status; 0: without a response.
    package private(set) var requests = [UInt64](repeating: 0, count: 6)
    package internal(set) var inFlight = 0
    /// Bytes of requests, and of responses.
    package internal(set) var bytesIn: UInt64 = 0
    package internal(set) var bytesOut: UInt64 = 0
    /// From the head of a request to the end of its response, and to the begin of it.
    package private(set) var durations = DurationHistogram()
    package private(set) var firstBytes = DurationHistogram()
    /// Errors of ours, by their codes.
    package private(set) var errors: [String: UInt64] = [:]

    init(_ label: TrafficLabel, history: TrafficHistory) {
        self.label = label
        self.history = history
    }

    func noteFirstByte(after seconds: Double) { firstBytes.add(seconds) }

    func noteError(_ code: GatewayError.Code) { errors[code.rawValue, default: 0] += 1 }

    /// A request ended. `seconds` is nil where no whole response says how long it took.
    func noteEnd(status: Int, seconds: Double?, isError: Bool, at now: NIODeadline) {
        let hundreds = status / 100
        requests[requests.indices.contains(hundreds) ? hundreds : 0] += 1
        if let seconds { durations.add(seconds) }
        history.add(seconds: seconds, isError: isError || status >= 500, at: now)
    }
}

/// The meters of a gateway, a bounded number: peers beyond it are counted together.
struct TrafficBook {
    /// Meters with a peer of their own. The services are as many as the configuration has, and one for each peer.
    static let limit = 256
    static let others = "other"

    private(set) var meters: [TrafficLabel: TrafficMeter] = [:]
    private var histories: [TrafficLabel: TrafficHistory] = [:]

    /// The meter of `label`, made when there is none.
    mutating func meter(_ label: TrafficLabel) -> TrafficMeter {
        if let known = meters[label] { return known }
        if meters.count >= Self.limit {
            let rest = TrafficLabel(direction: label.direction, service: Self.others, peer: Self.others)
            if label != rest { return meter(rest) }
        }
        // A service of ours has one history for all peers.
        let place = TrafficLabel(
            direction: label.direction,
            service: label.service,
            peer: label.direction == .exposed ? "" : label.peer
        )
        let history = histories[place] ?? TrafficHistory()
        histories[place] = history
        let meter = TrafficMeter(label, history: history)
        meters[label] = meter
        return meter
    }
}
