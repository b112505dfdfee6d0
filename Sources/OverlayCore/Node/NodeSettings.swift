import OverlayWire
package import PosternModel

/// How a node behaves and where its limits are.
package struct NodeSettings: Sendable, Hashable {
    /// Whether handshakes of keys that were never admitted are answered. Only a hub does that. Default false.
    package var acceptsUnknownPeers: Bool
    /// Peers that the node keeps, admitted and (on a hub) unknown ones. More are refused in silence. Default 65 536.
    package var maxPeers: Int
    /// Streams that one peer may have open with us at a time, at least 64: early data counts on it. Default 10 000.
    package var maxStreams: Int
    /// Bytes that a stream may run ahead of its reader at first, at least 64 KiB: early data counts on it. It grows
    /// while the reader keeps pace. Default 256 KiB.
    package var streamWindow: UInt64
    /// The most that ``streamWindow`` grows to. Default 64 MiB: 1 Gbit/s over 100 ms, the
    /// bottleneck's queue full as well, and losses that hold up the reader for another two round trips.
    package var maxStreamWindow: UInt64
    /// Bytes that all streams of a session may run ahead together at first, at least 64 KiB. It grows with the rate at
    /// which they come, up to ``maxUnreadBytes``. Default 1 MiB.
    package var sessionWindow: UInt64
    /// Unread bytes of one session beyond which it gets no more credit; one stream gets half of what the others leave
    /// of it. Default 128 MiB.
    package var maxUnreadBytes: UInt64
    /// The most that one stream holds until it is acknowledged; it takes less where the path is slower. Default 64 MiB.
    package var sendBuffer: Int
    /// Memory for stream bytes, datagrams and relayed packets of the whole node. Streams and sessions get less credit
    /// as it runs short. Default 512 MiB.
    package var maxMemory: Int
    /// Datagrams of one session that wait to be sent, and of the node that wait to be taken. The oldest go. Default
    /// 256.
    package var maxDatagrams: Int
    /// Relayed packets that wait for one session, and of one conversation among them; of more the longest conversation
    /// loses the newest. Default 512 and 128.
    package var maxRelayQueue: Int
    package var maxRelayFlow: Int
    /// Bytes a second that a hub relays for one conversation each way, and from one peer in all of them; more are
    /// dropped. Default 12.5 MB (100 Mbit/s) and 25 MB.
    package var relayRate: UInt64
    package var relayRatePerPeer: UInt64
    /// Handshakes per second that may cost a public-key operation, with a burst of as many; more are dropped, and those
    /// who cannot prove their address are put off before that (`Protocol.md` §4.7). Default 4000.
    package var maxHandshakesPerSecond: Int
    /// Of these, who has not proved its address takes at most so many a second; beyond that proof is asked for. Default
    /// 250: 5 % of a core.
    package var maxUnprovenHandshakesPerSecond: Int
    /// The same as ``maxHandshakesPerSecond`` for one source: an IPv4 address, an IPv6 /64, a relayed conversation. A
    /// whole company may stand behind one address, and a flood from there costs 100 × 0.2 ms a second: 2 % of a core.
    /// Default 100.
    package var maxHandshakesPerSource: Int
    /// The largest UDP payload that is sent or taken, 1200 to 9000. What a path carries is found out; less is sent
    /// until then. Default 9000.
    package var maxPacketSize: Int
    /// The longest wait before an acknowledgement. Default 25 ms (RFC 9000 §18.2).
    package var maxAckDelay: Interval
    /// The longest probe time-out. Default 2 s.
    package var maxProbeTimeout: Interval
    /// Silence of ours after which a packet keeps mappings alive: twice as long on local networks, in connections and
    /// at a hub, four times through a relay, and an eighth longer at the end that only answers. Default 25 s, until
    /// ``Node/setKeepAlive(_:)`` knows better.
    package var keepAlive: Interval
    /// Silence of a peer, with streams open, after which it is asked whether it is there, and then when it has
    /// been silent for half as long again; within a host each time. Who has been given packets to relay is asked after
    /// half of it, and counts as unresponsive when it does not answer for as long. Default 1 s.
    package var liveness: Interval
    /// Silence of the peer, with something outstanding, after which it counts as unresponsive. Default 3 s.
    package var unresponsiveAfter: Interval
    /// Silence of the peer, with something outstanding, after which the session is given up. Default 1 h.
    package var abandonAfter: Interval
    /// The first wait for an answer to a handshake; each further one is twice as long, up to ``maxProbeTimeout``.
    /// Default 300 ms.
    package var handshakeRetry: Interval
    /// How long an unanswered first handshake is repeated. Default 15 s.
    package var handshakeTimeout: Interval
    /// Age at which keys are replaced; five times that when they have sealed nothing but keep-alives. Default 3 min.
    package var rekeyAfter: Interval
    /// Bytes after which keys are replaced. Default 2^38. At 2^39 they seal no more (RFC 9001 §B.1).
    package var rekeyAfterBytes: UInt64
    /// How long replaced keys still open packets. Default 10 s.
    package var oldKeysFor: Interval
    /// Time until the second attempt to leave a relay for a direct path; each further one waits twice as long, up to
    /// ``upgradeIntervalMaximum``, until something changes. Default 60 s and 10 min.
    package var upgradeInterval: Interval
    package var upgradeIntervalMaximum: Interval
    /// Which congestion controller new paths get. Default BBR.
    package var congestion: CongestionAlgorithm
    /// Whether packets are padded to few sizes. Default false.
    package var padsPackets: Bool
    /// Whether direct paths are used. False: only relays. Default true.
    package var usesDirectPaths: Bool
    /// Whether peers are reached through relays. False: only on direct paths. Default true.
    package var usesRelays: Bool
    /// Whether the port of a peer is guessed where its translator takes another one for each destination, and ports of
    /// our own are opened to be guessed: up to 256 sockets and 2000 small packets to a peer in use (`Protocol.md`
    /// §9.3). Default true.
    package var guessesPorts: Bool
    /// Whether every sealed packet's key and number is kept for ``Node/takeSeals()``: only for simulation. Default
    /// false.
    package var tracesSeals: Bool

    package static let defaults = NodeSettings(
        acceptsUnknownPeers: false,
        maxPeers: 65_536,
        maxStreams: 10_000,
        streamWindow: 256 << 10,
        maxStreamWindow: 64 << 20,
        sessionWindow: 1 << 20,
        maxUnreadBytes: 128 << 20,
        sendBuffer: 64 << 20,
        maxMemory: 512 << 20,
        maxDatagrams: 256,
        maxRelayQueue: 512,
        maxRelayFlow: 128,
        relayRate: 12_500_000,
        relayRatePerPeer: 25_000_000,
        maxHandshakesPerSecond: 4000,
        maxUnprovenHandshakesPerSecond: 250,
        maxHandshakesPerSource: 100,
        maxPacketSize: Node.maximumPacketSize,
        maxAckDelay: .milliseconds(25),
        maxProbeTimeout: .seconds(2),
        keepAlive: .seconds(25),
        liveness: .seconds(1),
        unresponsiveAfter: .seconds(3),
        abandonAfter: .seconds(3600),
        handshakeRetry: .milliseconds(300),
        handshakeTimeout: .seconds(15),
        rekeyAfter: .seconds(180),
        rekeyAfterBytes: 1 << 38,
        oldKeysFor: .seconds(10),
        upgradeInterval: .seconds(60),
        upgradeIntervalMaximum: .seconds(600),
        congestion: .bbr,
        padsPackets: false,
        usesDirectPaths: true,
        usesRelays: true,
        guessesPorts: true,
        tracesSeals: false
    )

    /// What a peer may count on before it knows our limits (`Protocol.md` §4.5).
    static let earlyData: UInt64 = 64 << 10
    static let earlyStreams: UInt64 = 64

    /// These settings, with nothing below what the protocol promises.
    var clamped: NodeSettings {
        var settings = self
        settings.maxStreams = max(maxStreams, Int(Self.earlyStreams))
        settings.streamWindow = max(streamWindow, Self.earlyData)
        settings.sessionWindow = max(sessionWindow, Self.earlyData)
        settings.maxPacketSize = min(max(maxPacketSize, PacketLayout.basePathSize), Node.maximumPacketSize)
        return settings
    }

    /// What a peer is told. `instance`: see ``TransportParameters/instance``.
    func transportParameters(instance: UInt64) -> TransportParameters {
        TransportParameters(
            maxData: sessionWindow,
            maxStreamData: streamWindow,
            maxStreams: UInt64(maxStreams),
            maxPacketSize: UInt64(maxPacketSize),
            maxAckDelay: UInt64(maxAckDelay.milliseconds),
            instance: instance
        )
    }
}
