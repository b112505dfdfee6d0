package import GatewayCore
package import NIOCore

/// How the gateway behaves and where its limits are. There is no idle time-out: a silent stream is a stream.
package struct GatewaySettings: Hashable, Sendable {
    /// Size of the heads of messages.
    package var heads: HeadLimits
    /// How long a client waits for a peer that is not connected before it is told so. Default 4 s: A2A clients give up
    /// after 5 s of silence.
    package var peerPatience: TimeAmount
    /// How long a request waits further that was sent to a peer which then stopped answering altogether, after the
    /// overlay noticed. Default 1 s.
    package var silencePatience: TimeAmount
    /// How far back a request may lie that such a peer cannot have received. Default 4 s.
    package var silenceWindow: TimeAmount
    /// How long connecting to an upstream may take. Default 10 s.
    package var connectTimeout: TimeAmount
    /// How long a connection that got an error of ours is read for the client's sake, so that it sees the error and
    /// not a reset. Default 2 s.
    package var lingerTimeout: TimeAmount
    /// How long a client may take for the head of a request once it began one, and what it may say when there is no
    /// room for it. Default 10 s.
    package var headTimeout: TimeAmount
    /// How long a conversation of datagrams is kept that is silent. Default 5 min (RFC 4787 §4.3).
    package var flowTimeout: TimeAmount
    /// How long a program may take to end once it is asked to, before it is killed. Default 2 s.
    package var killDelay: TimeAmount
    /// How many programs run.
    package var programs: ProgramLimits
    /// Connections and streams that are open at a time. Default: what 4096 file descriptors have room for.
    package var connections: ConnectionLimits

    package static let defaults = GatewaySettings(
        heads: .defaults,
        peerPatience: .milliseconds(3_800),
        silencePatience: .seconds(1),
        silenceWindow: .seconds(4),
        connectTimeout: .seconds(10),
        lingerTimeout: .seconds(2),
        headTimeout: .seconds(10),
        flowTimeout: .minutes(5),
        killDelay: .seconds(2),
        programs: .defaults,
        connections: ConnectionLimits(descriptors: 4096)
    )
}

/// Counters of a gateway since it was made.
package struct GatewayStatistics: Hashable, Sendable {
    /// Connections that clients opened.
    package var connectionsAccepted: UInt64 = 0
    /// Streams that peers opened to our services.
    package var streamsAccepted: UInt64 = 0
    /// Streams that peers may not open.
    package var streamsRefused: UInt64 = 0
    /// Streams of peers and connections of clients for which there was no room.
    package var overLimit: UInt64 = 0
    /// Programs that were started for peers.
    package var programsStarted: UInt64 = 0
    /// Messages of bridged programs that nobody fetched, or that belonged to nobody.
    package var bridgeMessagesDropped: UInt64 = 0
    /// Lines of bridged programs that were no JSON-RPC.
    package var bridgeLinesMalformed: UInt64 = 0
    /// Errors of ours that clients got.
    package var errorsSent: UInt64 = 0
    /// Datagrams of clients and services that were carried on.
    package var datagramsCarried: UInt64 = 0
    /// Datagrams that were too large, came in half, or found no room, service or peer.
    package var datagramsDropped: UInt64 = 0
    /// Connections and streams that are open now.
    package var open: Int = 0

    package init() {}
}
