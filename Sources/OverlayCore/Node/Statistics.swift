/// Counters of one node since it was made. Shells export them (``metrics``).
package struct NodeStatistics: Sendable, Hashable {
    package var packetsSent: UInt64 = 0
    package var packetsReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    /// Packets declared lost.
    package var packetsLost: UInt64 = 0
    /// Packets declared lost that arrived after all.
    package var spuriousLosses: UInt64 = 0
    package var probeTimeouts: UInt64 = 0
    /// Packets of ours that peers saw marked CE.
    package var congestionMarks: UInt64 = 0
    package var handshakesStarted: UInt64 = 0
    package var handshakesAnswered: UInt64 = 0
    /// First messages that were answered with a cookie, because of load.
    package var cookiesSent: UInt64 = 0
    package var sessionsEstablished: UInt64 = 0
    package var rekeys: UInt64 = 0
    package var relayedPackets: UInt64 = 0
    /// Datagrams that found no room.
    package var datagramsDropped: UInt64 = 0
    /// Times that written bytes had to wait for credit of a stream or session.
    package var creditStalls: UInt64 = 0
    package var dropped = Drops()
    /// Bytes of memory that streams and relayed packets hold now.
    package var memoryInUse: UInt64 = 0
    /// Events that wait to be polled now.
    package var pendingEvents: UInt64 = 0

    /// Packets that were dropped without an answer, by reason.
    package struct Drops: Sendable, Hashable {
        /// Too short, or of no known type.
        package var malformed: UInt64 = 0
        /// No session has this receiver index.
        package var unknownIndex: UInt64 = 0
        /// The tag does not fit.
        package var unauthentic: UInt64 = 0
        /// Seen before.
        package var replayed: UInt64 = 0
        /// A handshake of a key that is not admitted.
        package var stranger: UInt64 = 0
        /// Beyond the handshakes of one second, of the node or of one source, or the peers a node keeps.
        package var overLimit: UInt64 = 0
        /// A datagram for a port that is not open.
        package var closedPort: UInt64 = 0
        /// No memory to keep it.
        package var noMemory: UInt64 = 0
        /// A relayed packet without a route, or for a full queue.
        package var unrelayed: UInt64 = 0
        /// A relayed packet beyond the rate of its conversation or its sender.
        package var relayRate: UInt64 = 0
    }
}
