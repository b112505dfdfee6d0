import GatewayNIO
import NIOCore
import OverlayCore
import OverlayNIO
import SidecarControl
import SidecarNIO

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
            ("audit_entries_total", runtime.auditEntryCount, "Entries of the audit trail since the start."),
        ]
        return [
            Metric(
                "build_info",
                .gauge,
                1,
                labels: [("version", Postern.version)],
                explanation: "The version, as a label."
            ),
            Metric("uptime_seconds", .gauge, uptime, explanation: "Time since the start."),
            Metric("connections", .gauge, Double(gateway.open), explanation: "Connections and streams open now."),
        ]
            + NodeStatistics.metrics.map { Metric($0, of: overlay) }
            + UnderlayFailures.metrics.map { Metric($0, of: underlay) }
            + counters.map { Metric($0.0, .counter, Double($0.1), explanation: $0.2) }
            + peerMetrics + trafficMetrics
    }

    /// How many peers are reached how, and what waits for the operator.
    private var peerMetrics: [Metric] {
        let kinds = runtime.pathKinds
        return ["direct", "relay", "none"].map { kind in
            Metric(
                "peers",
                .gauge,
                Double(kinds[kind] ?? 0),
                labels: [("path", kind)],
                explanation: "Peers that are trusted or fellow members, by the path to them."
            )
        } + [
            Metric(
                "trust_requests_pending",
                .gauge,
                Double(runtime.pendingCount),
                explanation: "Requests for our trust that wait for a decision."
            ),
            Metric(
                "store_failing",
                .gauge,
                runtime.isStoreFailing ? 1 : 0,
                explanation: "1 while something that was decided cannot be written to the disk."
            ),
        ]
    }

    /// What each service carried for each peer, one family after the other.
    private var trafficMetrics: [Metric] {
        let meters = gateway.traffic
        let classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"]
        let requests = meters.flatMap { meter in
            classes.indices.map { position in
                Metric(
                    "requests_total",
                    .counter,
                    Double(meter.requests[position]),
                    labels: meter.labels + [("status", classes[position])],
                    explanation: "Requests that ended, and connections without HTTP, by the class of their status."
                )
            }
        }
        let errors = meters.flatMap { meter in
            meter.errors.sorted { $0.key < $1.key }.map { code, count in
                Metric(
                    "request_errors_total",
                    .counter,
                    Double(count),
                    labels: meter.labels + [("code", code)],
                    explanation: "Errors of ours, by the value of Postern-Error."
                )
            }
        }
        let gauges = family(meters, "requests_in_flight", .gauge, "Requests that are not answered yet.") {
            .number(Double($0.inFlight))
        }
        let received = family(meters, "request_bytes_total", .counter, "Bytes of requests, their heads included.") {
            .number(Double($0.bytesIn))
        }
        let sent = family(meters, "response_bytes_total", .counter, "Bytes of responses, their heads included.") {
            .number(Double($0.bytesOut))
        }
        let times = family(meters, "request_duration_seconds", .histogram, "From a request to its response's end.") {
            $0.durations.metric
        }
        let first = family(meters, "first_byte_seconds", .histogram, "From a request to its response's begin.") {
            $0.firstBytes.metric
        }
        return requests + errors + gauges + received + sent + times + first
    }

    private func family(
        _ meters: [TrafficMeter],
        _ name: String,
        _ kind: Metric.Kind,
        _ explanation: String,
        value: (TrafficMeter) -> Metric.Value
    ) -> [Metric] {
        meters.map { Metric(name, kind, value($0), labels: $0.labels, explanation: explanation) }
    }
}

extension TrafficMeter {
    fileprivate var labels: [Metric.Label] {
        [("direction", label.direction.rawValue), ("service", label.service), ("peer", label.peer)]
    }
}

extension DurationHistogram {
    fileprivate var metric: Metric.Value { .distribution(bounds: Self.bounds, counts: counts, sum: sum) }
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
            labels: metric.label.map { [$0] } ?? [],
            explanation: metric.explanation
        )
    }
}
