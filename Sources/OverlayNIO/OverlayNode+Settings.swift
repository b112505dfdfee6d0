package import NIOCore
package import OverlayCore
import OverlayWire

extension OverlayNode {
    /// How the driver behaves; the protocol's own settings are in ``node``.
    package struct Settings: Sendable, Hashable {
        /// UDP addresses to bind, the preferred one first. Port 0 means any. Default 0.0.0.0:0.
        package var listen: [SocketAddress]
        /// The core's settings.
        package var node: NodeSettings
        /// Socket buffer asked of the kernel for each direction, in bytes. Too small a one drops bursts. Default 4 MiB.
        package var socketBuffer: Int
        /// Reads from one socket before timers and other connections get their turn, each of up to 64 KiB. Default 8.
        package var readsPerTurn: UInt
        /// Bytes sent before timers and other connections get their turn. Default 1 MiB.
        package var bytesPerTurn: Int
        /// Events handled in a row before packets are sent. Default 4096.
        package var eventsPerTurn: Int
        /// Bytes that wait in a stream, beyond what the core holds, at which it stops being writable. Default 256 KiB.
        package var streamHighWater: Int
        /// Waiting bytes at which such a stream becomes writable again. Default 64 KiB.
        package var streamLowWater: Int
        /// Bytes that wait in all streams and with those who use them, beyond what the core holds; streams stop being
        /// writable the sooner, the more wait. Default 64 MiB.
        package var maxWaiting: Int
        /// How often the host's addresses are looked at: a change makes all paths be tried again. Default 5 s.
        package var addressCheck: TimeAmount
        /// Whether the gateway is asked to lead a port here. Default false.
        package var mapsPort: Bool
        /// WebSocket connections.
        package var webSocket: WebSocketSettings
        /// How long a ping waits for its answer. Default 10 s.
        package var pingTimeout: TimeAmount

        package static let defaults = Settings(
            listen: [Endpoint.ipv4(address: 0, port: 0)].compactMap(\.socketAddress),
            node: .defaults,
            socketBuffer: 4 << 20,
            readsPerTurn: 8,
            bytesPerTurn: 1 << 20,
            eventsPerTurn: 4096,
            streamHighWater: 256 << 10,
            streamLowWater: 64 << 10,
            maxWaiting: 64 << 20,
            addressCheck: .seconds(5),
            mapsPort: false,
            webSocket: .defaults,
            pingTimeout: .seconds(10)
        )
    }
}

/// How WebSocket connections are used: a node opens one to a hub when UDP does not lead there, a hub takes them.
package struct WebSocketSettings: Sendable, Hashable {
    /// Whether a node opens them. Default true.
    package var isUsed: Bool
    /// The authorities of hubs' certificates, in PEM; nil, the default: those of the system.
    package var authorities: String?
    /// Through which proxies they go. Default none.
    package var proxies: WebProxies
    /// How many a hub takes at a time. Each costs a descriptor and up to 256 KiB when its node reads slowly. Default
    /// 4096.
    package var maxConnections: Int

    package static let defaults = WebSocketSettings(
        isUsed: true,
        authorities: nil,
        proxies: .none,
        maxConnections: 4096
    )
}
