package import PosternModel

/// What one direction of a link does to the datagrams that cross it.
package struct LinkProfile: Hashable, Sendable {
    /// Time on the wire, behind the queue.
    package var latency: Interval
    /// Up to this much is added to `latency`, evenly distributed. Order is kept: a datagram that catches up waits.
    package var jitter: Interval
    /// Probability that a datagram vanishes, independent of others.
    package var loss: Double
    /// Losses that come in bursts, on top of `loss`.
    package var burst: Burst?
    /// Probability that a datagram arrives a second time.
    package var duplication: Double
    /// Probability that a datagram is held back by up to `reorderDelay`, so that later ones overtake it.
    package var reordering: Double
    /// The longest time a reordered or duplicated datagram is held back.
    package var reorderDelay: Interval
    /// Probability that a datagram arrives with one to eight bits flipped.
    package var corruption: Double
    /// Capacity in bits a second, IP and UDP headers included; nil is without limit.
    package var bitsPerSecond: Int64?
    /// Bytes that wait for a link of limited rate; what does not fit vanishes (tail drop).
    package var queueByteCount: Int
    /// The largest UDP payload that crosses; larger ones vanish without notice.
    package var mtu: Int

    /// A Gilbert–Elliott channel: two states, and a loss probability of its own in the bad one.
    package struct Burst: Hashable, Sendable {
        /// Probability, per datagram, that a good channel turns bad.
        package var begins: Double
        /// Probability, per datagram, that a bad channel turns good: the mean burst is its reciprocal.
        package var ends: Double
        /// Probability of loss while the channel is bad.
        package var loss: Double

        /// Probability of corruption while the channel is bad.
        package var corruption = 0.0

        /// A channel of these probabilities.
        package init(begins: Double, ends: Double, loss: Double) {
            self.begins = begins
            self.ends = ends
            self.loss = loss
        }

        /// A channel that is bad for `share` of all datagrams, in runs of `meanLength` datagrams.
        package init(share: Double, meanLength: Double, loss: Double, corruption: Double = 0) {
            self.init(begins: share / (1 - share) / meanLength, ends: 1 / meanLength, loss: loss)
            self.corruption = corruption
        }
    }

    /// A link of `latency` with nothing else to it.
    package init(latency: Interval) {
        self.latency = latency
        jitter = .zero
        loss = 0
        burst = nil
        duplication = 0
        reordering = 0
        reorderDelay = .zero
        corruption = 0
        bitsPerSecond = nil
        queueByteCount = 500_000
        mtu = 1472
    }

    /// A link of `latency` and `megabitsPerSecond` whose queue holds `queueByteCount`.
    package init(latency: Interval, megabitsPerSecond: Double, queueByteCount: Int) {
        self.init(latency: latency)
        bitsPerSecond = Int64(megabitsPerSecond * 1_000_000)
        self.queueByteCount = queueByteCount
    }

    /// The same link with one property changed.
    package func with<Value>(_ property: WritableKeyPath<LinkProfile, Value>, _ value: Value) -> LinkProfile {
        var changed = self
        changed[keyPath: property] = value
        return changed
    }
}
