package import NIOCore

/// Where a node's handshakes get their numbers from: each is used once, in this process and all others.
package struct HandshakeCounters {
    /// Those that the node begins with.
    package var reserved: Range<UInt64>
    /// Reserves numbers above the one that it is given, and tells the first that is not reserved.
    package var more: (_ above: UInt64) -> EventLoopFuture<UInt64>

    package init(reserved: Range<UInt64>, more: @escaping (_ above: UInt64) -> EventLoopFuture<UInt64>) {
        self.reserved = reserved
        self.more = more
    }

    /// Numbers for a key that no process used before, or whose users nobody tells apart: they begin at the time of the
    /// host's clock.
    package static func unstored(on eventLoop: any EventLoop) -> HandshakeCounters {
        HandshakeCounters(reserved: wallClockNanoseconds()..<UInt64.max) { _ in
            eventLoop.makeSucceededFuture(.max)
        }
    }
}
