/// A service number on one node, 1…65535: what a port is to TCP (requirement R7).
package struct VirtualPort: Hashable, Comparable, Sendable {
    package let rawValue: UInt16

    package init(_ rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static func < (lhs: VirtualPort, rhs: VirtualPort) -> Bool { lhs.rawValue < rhs.rawValue }
}
