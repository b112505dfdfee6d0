import OverlayCore
import OverlayWire
import PosternModel

/// Writes what happens in a world as a JSON text sequence (RFC 7464) in the manner of qlog
/// (draft-ietf-quic-qlog-main-schema, draft-ietf-quic-qlog-quic-events), so that its tools can draw it.
///
/// Packets are told by what everybody sees of them: their frames are sealed. Each event belongs to the group of its
/// host, and what recovery knows to the group of the host and its peer.
struct EventLog {
    private struct Edge: Hashable {
        let host: HostID
        let peer: HostID
    }

    private let write: (String) -> Void
    private var metrics: [Edge: PathMetrics] = [:]
    private var lostCounts: [HostID: UInt64] = [:]

    /// A log of the world of `scenario`; each text ends its line.
    init(_ scenario: Scenario, write: @escaping (String) -> Void) {
        self.write = write
        record([
            "file_schema": "urn:ietf:params:qlog:file:sequential",
            "serialization_format": "application/qlog+json-seq",
            "title": .string("\(scenario.name), seed \(scenario.seed)"),
            "trace": [
                "common_fields": [
                    "time_format": "relative_to_epoch",
                    "reference_time": ["clock_type": "monotonic", "epoch": "unknown"],
                ],
                "vantage_point": ["type": "network", "name": "simulated world"],
                "event_schemas": ["urn:ietf:params:qlog:events:quic"],
            ],
        ])
    }

    /// A step in the life of a packet: at its sender's until it arrives.
    func packet(_ packet: PacketRecord, sender: HostID?, receiver: HostID?) {
        let host: HostID?
        let name: String
        switch packet.step {
        case .sent: (name, host) = ("packet_sent", sender)
        case .dropped: (name, host) = ("packet_dropped", sender)
        case .delivered: (name, host) = ("packet_received", receiver)
        }
        var data = JSONObject()
        data["header"] = ["packet_type": .string(Self.packetType(packet.type))]
        data["raw"] = ["length": .integer(Int64(packet.byteCount))]
        data["path"] = .string("\(packet.from.map { "\($0)" } ?? "-") > \(packet.to)")
        if !packet.note.isEmpty { data["trigger"] = .string(packet.note) }
        event(name, at: packet.at, group: host.map { "\($0)" } ?? "attacker", .object(data))
    }

    /// What `host` knows of its path to `peer` now: told when it has changed.
    mutating func update(_ metrics: PathMetrics, of host: HostID, with peer: HostID, at now: Instant) {
        let edge = Edge(host: host, peer: peer)
        guard self.metrics[edge] != metrics else { return }
        self.metrics[edge] = metrics
        var data = JSONObject()
        data["congestion_window"] = .integer(Int64(metrics.congestionWindow))
        data["bytes_in_flight"] = .integer(Int64(metrics.bytesInFlight))
        // Bits a second, as qlog has it.
        let (bits, isTooMuch) = metrics.pacingRate.multipliedReportingOverflow(by: 8)
        data["pacing_rate"] = .integer(isTooMuch ? .max : Int64(clamping: bits))
        data["mtu"] = .integer(Int64(metrics.packetSize))
        if let roundTrip = metrics.roundTrip {
            data["latest_rtt"] = .double(roundTrip.latest.milliseconds)
            data["min_rtt"] = .double(roundTrip.minimum.milliseconds)
            data["smoothed_rtt"] = .double(roundTrip.smoothed.milliseconds)
            data["rtt_variance"] = .double(roundTrip.variation.milliseconds)
        }
        event("recovery_metrics_updated", at: now, group: "\(host)-\(peer)", .object(data))
    }

    /// `host` has declared so many packets lost in its present life: told when they have become more.
    mutating func update(lostCount: UInt64, of host: HostID, at now: Instant) {
        let before = lostCounts[host] ?? 0
        lostCounts[host] = lostCount
        guard lostCount > before else { return }
        event("packet_lost", at: now, group: "\(host)", ["count": .integer(Int64(lostCount - before))])
    }

    private func event(_ name: String, at now: Instant, group: String, _ data: JSONValue) {
        record([
            "time": .double(Interval(nanoseconds: now.nanoseconds).milliseconds),
            "name": .string("quic:" + name),
            "group_id": .string(group),
            "data": data,
        ])
    }

    private func record(_ value: JSONValue) {
        write("\u{1e}" + value.compactText + "\n")
    }

    private static func packetType(_ type: UInt8) -> String {
        switch PacketType(rawValue: type) {
        case .initiation, .response, .cookie: "handshake"
        case .protected: "1RTT"
        case nil: "unknown"
        }
    }
}

extension World {
    /// Writes every packet and what recovery makes of them to `write` from now on, as qlog's JSON text sequence.
    package func writeEventLog(_ write: @escaping (String) -> Void) {
        eventLog = EventLog(scenario, write: write)
        observePackets { [unowned self] packet in
            eventLog?.packet(
                packet,
                sender: packet.from.flatMap(network.owner),
                receiver: network.owner(of: packet.to)
            )
        }
    }

    /// Tells the log what `host` has come to know.
    func logMetrics(of host: Host) {
        guard eventLog != nil else { return }
        eventLog?.update(lostCount: host.node.statistics.packetsLost, of: host.id, at: now)
        for acquaintance in host.acquaintances {
            guard let peer = host.node.peer(with: acquaintance.key), let metrics = host.node.pathMetrics(of: peer)
            else { continue }
            eventLog?.update(metrics, of: host.id, with: acquaintance.host, at: now)
        }
    }
}
