import CUPnP
import NIOCore
import NIOPosix
import OverlayCore
import OverlayWire

/// A gateway that is asked by UPnP, through libminiupnpc: where that is not there it leads nothing anywhere. The calls
/// wait for the network, so they run on the threads that may wait.
struct UPnPGateway: Sendable {
    /// Dotted addresses: the gateway's, and this host's as it sees it.
    let address: String
    let client: String

    /// What the gateway has given.
    struct Mapping: Sendable {
        /// Where others reach this host.
        let endpoint: Endpoint
        /// How long; 0: until it is given back.
        let seconds: UInt32
        fileprivate let given: upnp_mapping
    }

    /// Has a port of the gateway's lead to `port` here; nil: it does not.
    func map(_ port: UInt16, _ wanted: PortMapper.Search, on eventLoop: any EventLoop) -> EventLoopFuture<Mapping?> {
        Self.onThread(eventLoop) {
            var given = upnp_mapping()
            given.port = wanted.port
            given.seconds = wanted.lifetime
            guard upnp_map(address, client, port, &given) == upnp_done else { return nil }
            let outside = withUnsafeBytes(of: given.address) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let endpoint = try? SocketAddress(ipAddress: outside, port: Int(given.port)),
                let found = Endpoint(endpoint)
            else { return nil }
            return Mapping(endpoint: found, seconds: given.seconds, given: given)
        }
    }

    /// Gives `mapping` back.
    static func release(_ mapping: Mapping, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        onThread(eventLoop) {
            var given = mapping.given
            _ = upnp_unmap(&given)
        }
    }

    private static func onThread<Value: Sendable>(
        _ eventLoop: any EventLoop,
        _ call: @escaping @Sendable () -> Value
    ) -> EventLoopFuture<Value> {
        NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop, call)
    }
}
