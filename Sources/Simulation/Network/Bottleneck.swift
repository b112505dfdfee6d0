package import OverlayWire
package import PosternModel

/// A wire that several links share, one direction of it: where their flows compete. What crosses it queues in the order
/// in which it was sent and then goes on over the link of its own pair.
package struct Bottleneck: Sendable {
    /// What the wire is like.
    package struct Settings: Hashable, Sendable {
        /// Capacity, IP and UDP headers included.
        package var bitsPerSecond: Int64
        /// Bytes that wait; what does not fit vanishes (tail drop).
        package var queueByteCount: Int
        /// Bytes in the queue beyond which a datagram that can be marked is marked as having met congestion
        /// (RFC 3168 §5); nil marks none.
        package var marksAbove: Int?
        /// Traffic that takes its share and heeds nothing.
        package var crossTraffic: [CrossTraffic] = []

        /// A wire that drops what its queue of `queueByteCount` bytes cannot hold, and marks nothing.
        package init(megabitsPerSecond: Double, queueByteCount: Int) {
            bitsPerSecond = Int64(megabitsPerSecond * 1_000_000)
            self.queueByteCount = queueByteCount
        }
    }

    /// What became of a datagram.
    package enum Fate: Hashable, Sendable {
        case dropped
        /// Its last bit leaves at that instant.
        case passed(at: Instant, isMarked: Bool)
    }

    /// What the wire is like.
    package let settings: Settings
    /// What the datagrams of nodes have met since ``restartRecord()``.
    package private(set) var record = QueueRecord()
    private var queue = DropTailQueue()
    private var crossTraffic: [CrossTraffic.Clock]

    /// An idle wire.
    package init(_ settings: Settings) {
        self.settings = settings
        crossTraffic = settings.crossTraffic.map(CrossTraffic.Clock.init)
    }

    /// Takes a UDP payload of `byteCount` at `now`, which never goes backwards.
    package mutating func pass(byteCount: Int, ecn: ECNCodepoint, at now: Instant) -> Fate {
        admitCrossTraffic(until: now)
        let rate = settings.bitsPerSecond
        let queued = queue.queuedByteCount(rate: rate, at: now)
        let size = byteCount + Link.headerByteCount
        guard let departure = queue.enqueue(size, rate: rate, capacity: settings.queueByteCount, at: now) else {
            record.droppedCount += 1
            return .dropped
        }
        let isMarked = ecn != .notECT && settings.marksAbove.map { queued > $0 } ?? false
        if isMarked { record.markedCount += 1 }
        record.delays.append(departure - now - DropTailQueue.serialisation(of: size, rate: rate))
        return .passed(at: departure, isMarked: isMarked)
    }

    /// Forgets what was recorded.
    package mutating func restartRecord() {
        record = QueueRecord()
    }

    /// Lets everything in that came before `now`: each source at its instants, the earliest first.
    private mutating func admitCrossTraffic(until now: Instant) {
        while let index = crossTraffic.indices.min(by: { crossTraffic[$0].next < crossTraffic[$1].next }) {
            let at = crossTraffic[index].next
            guard at < now else { return }
            _ = queue.enqueue(
                crossTraffic[index].traffic.packetByteCount,
                rate: settings.bitsPerSecond,
                capacity: settings.queueByteCount,
                at: at
            )
            crossTraffic[index].advance()
        }
    }
}

/// Datagrams of one size at a constant rate, all the time or on and off in turn, whatever becomes of them.
package struct CrossTraffic: Hashable, Sendable {
    /// Rate while it is on, headers included.
    package var bitsPerSecond: Int64
    /// Bytes of each datagram, headers included.
    package var packetByteCount = 1200
    /// When it begins.
    package var start = Interval.zero
    /// How long it is on, and how long it is off behind that; an `off` of zero never pauses.
    package var on = Interval.seconds(1)
    /// How long it is silent between.
    package var off = Interval.zero

    /// Traffic of `megabitsPerSecond`, without a pause.
    package init(megabitsPerSecond: Double) {
        bitsPerSecond = Int64(megabitsPerSecond * 1_000_000)
    }

    /// When the next datagram of a source comes.
    struct Clock: Sendable {
        let traffic: CrossTraffic
        private(set) var next: Instant
        private var pausesAt: Instant

        init(_ traffic: CrossTraffic) {
            self.traffic = traffic
            next = Instant(nanoseconds: traffic.start.nanoseconds)
            pausesAt = traffic.off > .zero ? next + traffic.on : .distantFuture
        }

        mutating func advance() {
            next = next + DropTailQueue.serialisation(of: traffic.packetByteCount, rate: traffic.bitsPerSecond)
            while next >= pausesAt {
                next = max(next, pausesAt + traffic.off)
                pausesAt = pausesAt + traffic.off + traffic.on
            }
        }
    }
}

/// What datagrams met at a queue.
package struct QueueRecord: Sendable {
    /// How long each datagram that passed waited before its first bit left.
    package var delays: [Interval] = []
    /// Datagrams that found no room.
    package var droppedCount = 0
    /// Datagrams that passed with a mark.
    package var markedCount = 0

    /// The mean wait; zero when nothing passed.
    package var meanDelay: Interval {
        guard !delays.isEmpty else { return .zero }
        return Interval(nanoseconds: delays.reduce(0) { $0 + $1.nanoseconds } / Int64(delays.count))
    }

    /// The wait that a share of `fraction` of the datagrams did not exceed; zero when nothing passed.
    package func delay(atQuantile fraction: Double) -> Interval {
        delays.quantile(fraction) ?? .zero
    }

    /// Datagrams that found no room, as a share of those that came.
    package var lossFraction: Double { Self.share(droppedCount, of: delays.count + droppedCount) }
    /// Datagrams that were marked, as a share of those that passed.
    package var markFraction: Double { Self.share(markedCount, of: delays.count) }

    private static func share(_ count: Int, of total: Int) -> Double {
        total == 0 ? 0 : Double(count) / Double(total)
    }
}

extension Array where Element: Comparable {
    /// The smallest element that a share of `fraction`, 0…1, of all does not exceed (nearest rank); nil when empty.
    package func quantile(_ fraction: Double) -> Element? {
        guard !isEmpty else { return nil }
        let rank = Int((fraction * Double(count)).rounded(.up))
        return sorted()[Swift.min(count, Swift.max(1, rank)) - 1]
    }
}
