package import PosternModel

/// One direction of a link in virtual time: a queue, a wire, and random numbers.
///
/// Draws the same count of random numbers for every datagram that enters the wire, so that changing one probability
/// leaves the other decisions of a seed where they were.
package struct Link: Sendable {
    /// What happened to a datagram.
    package enum Fate: Hashable, Sendable {
        case dropped(DropReason)
        case carried(Carriage)
    }

    /// When and how a datagram arrives.
    package struct Carriage: Hashable, Sendable {
        package var arrival: Instant
        /// When it arrives once more, if it is duplicated.
        package var secondArrival: Instant?
        /// Which bits of the first copy are flipped, as a seed; nil leaves the bytes as they were.
        package var corruption: UInt64?
    }

    /// The headers of IPv4 and UDP that a datagram carries over a link of limited rate.
    package static let headerByteCount = 28

    /// How the link treats datagrams; a change holds from the next one on.
    package var profile: LinkProfile
    private var random: SeededRandom
    private var queue = DropTailQueue()
    private var lastArrival = Instant(nanoseconds: .min)
    private var isBad = false

    package init(profile: LinkProfile, random: SeededRandom) {
        self.profile = profile
        self.random = random
    }

    /// Bytes that wait for the wire at `now`.
    package func queuedByteCount(at now: Instant) -> Int {
        guard let rate = profile.bitsPerSecond else { return 0 }
        return queue.queuedByteCount(rate: rate, at: now)
    }

    /// Hands a UDP payload of `byteCount` to the link at `now`, which never goes backwards.
    package mutating func transmit(byteCount: Int, at now: Instant) -> Fate {
        guard byteCount <= profile.mtu else { return .dropped(.tooLarge) }
        guard let departure = enqueue(byteCount + Self.headerByteCount, at: now) else { return .dropped(.queueFull) }

        let isLost = random.happens(profile.loss)
        let burst = drawBurst()
        let jitter = fraction(of: profile.jitter)
        let isReordered = random.happens(profile.reordering)
        let held = fraction(of: profile.reorderDelay)
        let isDuplicated = random.happens(profile.duplication)
        let secondDelay = fraction(of: profile.reorderDelay)
        let isCorrupted = random.happens(profile.corruption)
        let corruption = random.next()

        guard !isLost, !burst.loses else { return .dropped(.loss) }
        var arrival = max(departure + profile.latency + jitter, lastArrival)
        if isReordered {
            arrival = arrival + held
        } else {
            lastArrival = arrival
        }
        return .carried(
            Carriage(
                arrival: arrival,
                secondArrival: isDuplicated ? arrival + secondDelay : nil,
                corruption: isCorrupted || burst.corrupts ? corruption : nil
            )
        )
    }

    /// When the last bit of `byteCount` has left the queue, or nil when the queue is full.
    private mutating func enqueue(_ byteCount: Int, at now: Instant) -> Instant? {
        guard let rate = profile.bitsPerSecond else { return now }
        return queue.enqueue(byteCount, rate: rate, capacity: profile.queueByteCount, at: now)
    }

    /// What the state of the channel does to one datagram.
    private mutating func drawBurst() -> (loses: Bool, corrupts: Bool) {
        guard let burst = profile.burst else { return (false, false) }
        isBad = isBad ? !random.happens(burst.ends) : random.happens(burst.begins)
        let loses = random.happens(isBad ? burst.loss : 0)
        // One draw more only where it can matter: the random numbers of channels that only lose stay what they are.
        let corrupts = burst.corruption > 0 && random.happens(isBad ? burst.corruption : 0)
        return (loses, corrupts)
    }

    private mutating func fraction(of interval: Interval) -> Interval {
        Interval(nanoseconds: Int64(random.next().multipliedFullWidth(by: UInt64(interval.nanoseconds + 1)).high))
    }
}

/// Why a datagram did not reach a node.
package enum DropReason: String, Hashable, Sendable {
    /// Random loss, at the link's rate.
    case loss
    /// The queue in front of a link of limited rate had no room.
    case queueFull = "queue-full"
    /// Larger than the link's MTU.
    case tooLarge = "too-large"
    /// The two hosts are parted.
    case partition
    /// Nobody has that address, it is in a network that the sender has no interface to, or a translator lets nobody in.
    case noRoute = "no-route"
    /// The host was down or asleep when it arrived.
    case hostDown = "host-down"
}
