import GatewayNIO
import NIOCore
import OverlayCore
import OverlayNIO
import SidecarControl

extension SidecarProgram {
    /// The counters of `/metrics`.
    var metrics: [Metric] {
        let overlay = node.statistics
        let gateway = gateway.statistics
        let uptime = Double((NIODeadline.now() - startedAt).nanoseconds) / 1_000_000_000
        let counters: [(String, UInt64, String)] = [
            ("packets_sent_total", overlay.packetsSent, "Packets sent on the underlay."),
            ("packets_received_total", overlay.packetsReceived, "Packets received on the underlay."),
            ("bytes_sent_total", overlay.bytesSent, "Bytes sent on the underlay."),
            ("bytes_received_total", overlay.bytesReceived, "Bytes received on the underlay."),
            ("packets_lost_total", overlay.packetsLost, "Packets declared lost."),
            ("handshakes_started_total", overlay.handshakesStarted, "Handshakes that this node began."),
            ("handshakes_answered_total", overlay.handshakesAnswered, "Handshakes that this node answered."),
            ("cookies_sent_total", overlay.cookiesSent, "Handshakes that were put off with a cookie."),
            ("sessions_established_total", overlay.sessionsEstablished, "Sessions established."),
            ("relayed_packets_total", overlay.relayedPackets, "Packets that took a relay."),
            ("client_connections_total", gateway.connectionsAccepted, "Connections of local clients."),
            ("streams_accepted_total", gateway.streamsAccepted, "Streams of peers to exposed services."),
            ("streams_refused_total", gateway.streamsRefused, "Streams of peers that were refused."),
            ("refusals_total", gateway.errorsSent, "Errors of ours that clients were told."),
        ]
        let drops: [(String, UInt64)] = [
            ("malformed", overlay.dropped.malformed), ("unknown_index", overlay.dropped.unknownIndex),
            ("unauthentic", overlay.dropped.unauthentic), ("replayed", overlay.dropped.replayed),
            ("stranger", overlay.dropped.stranger), ("over_limit", overlay.dropped.overLimit),
            ("no_memory", overlay.dropped.noMemory), ("unrelayed", overlay.dropped.unrelayed),
        ]
        return [
            Metric("uptime_seconds", .gauge, uptime, explanation: "Time since the start."),
            Metric("connections", .gauge, Double(gateway.open), explanation: "Connections and streams open now."),
            Metric("memory_bytes", .gauge, Double(overlay.memoryInUse), explanation: "Memory that streams hold now."),
        ]
            + counters.map { Metric($0.0, .counter, Double($0.1), explanation: $0.2) }
            + drops.map { reason, count in
                Metric(
                    "packets_dropped_total",
                    .counter,
                    Double(count),
                    label: ("reason", reason),
                    explanation: "Packets dropped without an answer, by reason."
                )
            }
    }
}
