import GatewayNIO
import NIOCore
import OverlayCore
import OverlayNIO
import SidecarControl

extension SidecarProgram {
    /// The numbers of `/metrics`.
    var metrics: [Metric] {
        let gateway = gateway.statistics
        let uptime = Double((NIODeadline.now() - startedAt).nanoseconds) / 1_000_000_000
        let (overlay, underlay) = (node.statistics, node.underlayFailures)
        let counters: [(String, UInt64, String)] = [
            ("client_connections_total", gateway.connectionsAccepted, "Connections of local clients."),
            ("streams_accepted_total", gateway.streamsAccepted, "Streams of peers to exposed services."),
            ("streams_refused_total", gateway.streamsRefused, "Streams of peers that were refused."),
            ("over_limit_total", gateway.overLimit, "Connections and streams that found no room."),
            ("service_datagrams_total", gateway.datagramsCarried, "Datagrams of udp services that were carried on."),
            (
                "service_datagrams_dropped_total", gateway.datagramsDropped,
                "Datagrams of udp services that were too large, came in half, or found no room, service or peer."
            ),
            ("programs_started_total", gateway.programsStarted, "Programs started for peers."),
            ("bridge_messages_dropped_total", gateway.bridgeMessagesDropped, "Messages of programs for nobody."),
            ("bridge_lines_malformed_total", gateway.bridgeLinesMalformed, "Lines of programs that were no JSON-RPC."),
            ("refusals_total", gateway.errorsSent, "Errors of ours that clients were told."),
        ]
        return [
            Metric("uptime_seconds", .gauge, uptime, explanation: "Time since the start."),
            Metric("connections", .gauge, Double(gateway.open), explanation: "Connections and streams open now."),
        ]
            + NodeStatistics.metrics.map { Metric($0, of: overlay) }
            + UnderlayFailures.metrics.map { Metric($0, of: underlay) }
            + counters.map { Metric($0.0, .counter, Double($0.1), explanation: $0.2) }
    }
}

extension Metric {
    /// A field of `statistics`.
    init<Statistics>(_ metric: StatisticsMetric<Statistics>, of statistics: Statistics) {
        let kind: Kind =
            switch metric.kind {
            case .counter: .counter
            case .gauge: .gauge
            }
        self.init(
            metric.name,
            kind,
            Double(statistics[keyPath: metric.field]),
            label: metric.label,
            explanation: metric.explanation
        )
    }
}
