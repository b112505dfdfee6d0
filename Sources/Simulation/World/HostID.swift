/// The number of a host in a simulated world, from 0.
package struct HostID: Hashable, Comparable, Sendable {
    package let index: Int

    package init(_ index: Int) {
        self.index = index
    }

    /// The first `count` hosts in order.
    package static func all(_ count: Int) -> [HostID] { (0..<count).map(HostID.init) }

    package static func < (lhs: HostID, rhs: HostID) -> Bool { lhs.index < rhs.index }
}

extension HostID: CustomStringConvertible {
    package var description: String { "h\(index)" }
}

/// Two hosts, whichever comes first.
package struct HostPair: Hashable, Sendable {
    package let low: HostID
    package let high: HostID

    /// The pair of two hosts, in either order.
    package init(_ one: HostID, _ other: HostID) {
        low = min(one, other)
        high = max(one, other)
    }

    /// Whether `host` is one of the two.
    package func contains(_ host: HostID) -> Bool { low == host || high == host }

    /// Every pair of the first `count` hosts, in order.
    package static func all(_ count: Int) -> [HostPair] {
        HostID.all(count).flatMap { low in
            HostID.all(count).filter { $0 > low }.map { HostPair(low, $0) }
        }
    }
}
