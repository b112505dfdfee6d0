/// How one field of a statistics type is exported. A field that is in no table is one that nobody can see.
package struct StatisticsMetric<Statistics>: Sendable {
    /// What the number is.
    package enum Kind: Hashable, Sendable {
        /// Only grows, from zero at the start.
        case counter
        /// Goes up and down.
        case gauge
    }

    /// As Prometheus has it, without a prefix for the program.
    package let name: String
    package let kind: Kind
    /// Of a family of numbers with one name: what tells them apart.
    package let label: (name: String, value: String)?
    /// What is counted, in one sentence.
    package let explanation: String
    package let field: any WritableKeyPath<Statistics, UInt64> & Sendable

    package init(
        _ name: String,
        _ kind: Kind,
        _ field: any WritableKeyPath<Statistics, UInt64> & Sendable,
        label: (name: String, value: String)? = nil,
        _ explanation: String
    ) {
        self.name = name
        self.kind = kind
        self.field = field
        self.label = label
        self.explanation = explanation
    }
}

extension NodeStatistics {
    /// Every field of it, as it is exported. Those of one family are neighbours.
    package static let metrics: [StatisticsMetric<NodeStatistics>] = [
        .init("packets_sent_total", .counter, \.packetsSent, "Packets sent on the underlay."),
        .init("packets_received_total", .counter, \.packetsReceived, "Packets received on the underlay."),
        .init("bytes_sent_total", .counter, \.bytesSent, "Bytes sent on the underlay."),
        .init("bytes_received_total", .counter, \.bytesReceived, "Bytes received on the underlay."),
        .init("packets_lost_total", .counter, \.packetsLost, "Packets declared lost."),
        .init("spurious_losses_total", .counter, \.spuriousLosses, "Packets declared lost that arrived after all."),
        .init("probe_timeouts_total", .counter, \.probeTimeouts, "Probe time-outs (RFC 9002 section 6.2)."),
        .init("congestion_marks_total", .counter, \.congestionMarks, "Sent packets that arrived with an ECN CE mark."),
        .init("handshakes_started_total", .counter, \.handshakesStarted, "Handshakes that this node began."),
        .init("handshakes_answered_total", .counter, \.handshakesAnswered, "Handshakes that this node answered."),
        .init("cookies_sent_total", .counter, \.cookiesSent, "Handshakes that were put off with a cookie."),
        .init("sessions_established_total", .counter, \.sessionsEstablished, "Sessions established."),
        .init("rekeys_total", .counter, \.rekeys, "Times that a session got new keys."),
        .init("relayed_packets_total", .counter, \.relayedPackets, "Packets that took a relay."),
        .init("datagrams_dropped_total", .counter, \.datagramsDropped, "Datagrams that found no room."),
        .init("credit_stalls_total", .counter, \.creditStalls, "Times that written bytes waited for flow control."),
        .init("memory_bytes", .gauge, \.memoryInUse, "Memory that streams hold now."),
        .init("pending_events", .gauge, \.pendingEvents, "Events of the node that wait to be handled now."),
        drop("malformed", \.dropped.malformed),
        drop("unknown_index", \.dropped.unknownIndex),
        drop("unauthentic", \.dropped.unauthentic),
        drop("replayed", \.dropped.replayed),
        drop("stranger", \.dropped.stranger),
        drop("over_limit", \.dropped.overLimit),
        drop("closed_port", \.dropped.closedPort),
        drop("no_memory", \.dropped.noMemory),
        drop("unrelayed", \.dropped.unrelayed),
        drop("relay_rate", \.dropped.relayRate),
    ]

    private static func drop(
        _ reason: String,
        _ field: any WritableKeyPath<NodeStatistics, UInt64> & Sendable
    ) -> StatisticsMetric<NodeStatistics> {
        StatisticsMetric(
            "packets_dropped_total",
            .counter,
            field,
            label: ("reason", reason),
            "Packets dropped without an answer, by reason."
        )
    }
}
