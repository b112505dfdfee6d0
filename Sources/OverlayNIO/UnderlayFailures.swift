package import OverlayCore

/// Counters of what went wrong below the overlay.
package struct UnderlayFailures: Hashable, Sendable {
    /// Packets or batches that the kernel refused to send.
    package var sends: UInt64 = 0
    /// Times that the kernel's send buffer was full.
    package var blockedSends: UInt64 = 0
    /// Errors that reading reported.
    package var reads: UInt64 = 0
    /// Sockets that closed and were opened anew.
    package var reopened: UInt64 = 0
    /// WebSocket connections to hubs that did not come to stand.
    package var refusedConnections: UInt64 = 0
    /// Packets for which a WebSocket connection had no room.
    package var crowdedOut: UInt64 = 0

    /// Every field of it, as it is exported.
    package static let metrics: [StatisticsMetric<UnderlayFailures>] = [
        .init("underlay_send_failures_total", .counter, \.sends, "Packets or batches that the kernel refused to send."),
        .init("underlay_sends_blocked_total", .counter, \.blockedSends, "Times that the send buffer was full."),
        .init("underlay_read_failures_total", .counter, \.reads, "Errors that reading from a socket reported."),
        .init("underlay_sockets_reopened_total", .counter, \.reopened, "Sockets that closed and were opened anew."),
        .init(
            "underlay_websocket_refused_total",
            .counter,
            \.refusedConnections,
            "WebSocket connections to hubs that did not come to stand."
        ),
        .init(
            "underlay_websocket_dropped_total",
            .counter,
            \.crowdedOut,
            "Packets for which a WebSocket connection had no room."
        ),
    ]
}
