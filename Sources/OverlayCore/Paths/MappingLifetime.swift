package import PosternModel

/// How long translators in front of this node keep a mapping that is silent, found by trial on a spare one (RFC 5780
/// §4.6): twice as long each time while it survives, and then in the middle between what it survived and what not.
package struct MappingLifetime: Hashable, Sendable {
    /// The first silence that is tried, and the longest: that is enough for ``longestKeepAlive``.
    static let first = Interval.seconds(30)
    static let longest = Interval.seconds(60)
    /// The end that only answers, a hub, would speak first beyond that.
    static let longestKeepAlive = Interval.seconds(45)
    /// The search ends when the two bounds are so close, or below the shortest.
    static let precision = Interval.seconds(8)
    static let shortest = Interval.seconds(8)

    /// The longest silence that a mapping has survived; nil: none yet.
    package private(set) var survived: Interval?
    /// The shortest that none has survived, twice in a row, since a packet may have been lost.
    private(set) var died: Interval?
    private var isDoubted = false

    /// Nothing is known.
    package init() {}

    /// The silence to try next; nil: enough is known.
    package var next: Interval? {
        guard let died else {
            guard let survived else { return Self.first }
            return survived >= Self.longest ? nil : min(survived * 2, Self.longest)
        }
        guard let survived else { return died / 2 >= Self.shortest ? died / 2 : nil }
        return died - survived > Self.precision ? survived + (died - survived) / 2 : nil
    }

    /// What came of trying ``next``.
    package mutating func note(_ silence: Interval, survived isAlive: Bool) {
        guard !isAlive else {
            isDoubted = false
            survived = max(silence, survived ?? .zero)
            return
        }
        if isDoubted { died = min(silence, died ?? silence) }
        isDoubted.toggle()
    }

    /// The longest silence that keeps the mapping, with some room; nil: nothing is known that says more than the
    /// default.
    package var keepAlive: Interval? {
        if let survived { return min(survived * 5 / 6, Self.longestKeepAlive) }
        return died.map { $0 / 3 }
    }
}

/// A challenge from a socket of its own, to be answered after a silence or at once.
struct MappingProbe {
    let path: AddressPair
    let token: UInt64
    /// How long the answer waits; nil: it comes at once, and shows the translator that somebody answers.
    let delay: Interval?
    /// Whether it has still to leave.
    var isDue = true
}
