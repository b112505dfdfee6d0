/// The number of a stream in one session. The node with the lower key opens even ones, the other odd ones; each side
/// counts up by two.
package struct StreamID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Whether the node with the lower key opened it.
    package var isEven: Bool { rawValue & 1 == 0 }
    /// How many streams of the same side came before it.
    package var ordinal: UInt64 { rawValue >> 1 }
}

/// The number of a protected packet: counts up over a whole session, across re-keying, and is never used twice.
package struct PacketNumber: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static func < (lhs: PacketNumber, rhs: PacketNumber) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// The 32 random bits by which a receiver finds the keys of a packet. The receiver chooses them, the sender copies
/// them.
package struct ReceiverIndex: Hashable, Sendable {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }
}

/// A number that names one relayed conversation in the session between a node and its hub.
package struct RelayChannel: Hashable, Sendable {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }
}

/// A code that an application gives when it resets or stops a stream, or that says why a session ends.
package struct ErrorCode: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Nothing went wrong.
    package static let none = ErrorCode(0)
    /// The peer's trust was revoked or never given.
    package static let refused = ErrorCode(1)
    /// The peer broke the protocol.
    package static let protocolViolation = ErrorCode(2)
    /// The peer sent more than it was allowed to.
    package static let flowControl = ErrorCode(3)
    /// No service listens on this virtual port.
    package static let noSuchPort = ErrorCode(4)
    /// The local end of the stream failed or went away.
    package static let aborted = ErrorCode(5)
    /// The node shuts down.
    package static let shutdown = ErrorCode(6)
    /// The node is at one of its limits.
    package static let overLimit = ErrorCode(7)
    /// The peer restarted: what belonged to its former life is gone.
    package static let restarted = ErrorCode(8)
    /// Another program uses the same key, and was there first.
    package static let duplicateIdentity = ErrorCode(9)
}
