import HubServer
import NIOCore
import OverlayCore
import OverlayNIO

/// How fast a hub's counters grow, over the last minute.
final class HubRates {
    /// What is counted.
    struct Counts {
        var requests: UInt64
        var refused: UInt64
        var relayedPackets: UInt64
    }

    private static let interval = TimeAmount.seconds(5)
    private static let count = 13

    private var samples: [(time: NIODeadline, counts: Counts)] = []
    private var task: Scheduled<Void>?

    /// Looks at `counts` each few seconds, on this loop.
    func start(on loop: any EventLoop, _ counts: @escaping () -> Counts) {
        samples.append((.now(), counts()))
        if samples.count > Self.count { samples.removeFirst() }
        task = loop.assumeIsolated().scheduleTask(in: Self.interval) { [weak self] in
            self?.start(on: loop, counts)
        }
    }

    func stop() { task?.cancel() }

    /// What came a second; nil: nothing is known yet.
    func rate(_ counter: KeyPath<Counts, UInt64>) -> Double? {
        guard let first = samples.first, let last = samples.last, last.time > first.time else { return nil }
        let seconds = Double((last.time - first.time).nanoseconds) / 1e9
        let rate = Double(last.counts[keyPath: counter] &- first.counts[keyPath: counter]) / seconds
        return (rate * 10).rounded() / 10
    }
}

extension HubRates.Counts {
    /// What both have counted.
    init(service: HubService?, node: OverlayNode?) {
        requests = service?.counts.requests ?? 0
        refused = service?.counts.refused ?? 0
        relayedPackets = node?.statistics.relayedPackets ?? 0
    }
}
