package import PosternModel

/// What loss recovery and congestion control know of a session's path at a moment.
package struct PathMetrics: Hashable, Sendable {
    /// Bytes that may be in flight, and that are.
    package var congestionWindow: Int
    package var bytesInFlight: Int
    /// Bytes a second at which packets leave.
    package var pacingRate: UInt64
    /// Round trips, once one was measured (RFC 9002 §5).
    package var roundTrip: RoundTrip?
    /// The largest UDP payload sent there.
    package var packetSize: Int

    /// The estimates of RFC 9002 §5.
    package struct RoundTrip: Hashable, Sendable {
        package var latest: Interval
        package var minimum: Interval
        package var smoothed: Interval
        package var variation: Interval
    }
}

extension Node {
    /// What is known of the path to the peer that is in use; nil while there is none. For tools that watch a node.
    package func pathMetrics(of handle: PeerHandle) -> PathMetrics? {
        guard let path = peer(handle)?.session?.path else { return nil }
        let estimator = path.roundTrip
        return PathMetrics(
            congestionWindow: path.congestion.window,
            bytesInFlight: path.bytesInFlight,
            pacingRate: path.pacingRate,
            roundTrip: estimator.hasSample
                ? PathMetrics.RoundTrip(
                    latest: estimator.latest,
                    minimum: estimator.minimum,
                    smoothed: estimator.smoothed,
                    variation: estimator.variation
                ) : nil,
            packetSize: path.packetSize
        )
    }
}
