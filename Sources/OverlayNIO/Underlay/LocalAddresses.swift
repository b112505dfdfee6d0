import NIOCore
import OverlayWire

/// Where this host can be reached, as far as it knows itself: the addresses of its interfaces.
enum LocalAddresses {
    /// The endpoints under which the socket bound to `bound` receives. For a socket on all addresses: those of every
    /// interface but loopback and link-local ones, or loopback's when the host has no others.
    static func endpoints(of bound: Endpoint, interfaces: [Endpoint]) -> [Endpoint] {
        switch bound {
        case .ipv4(address: 0, let port):
            return reachable(
                interfaces.compactMap { interface in
                    guard case .ipv4(let address, _) = interface else { return nil }
                    return .ipv4(address: address, port: port)
                }
            )
        case .ipv6(high: 0, low: 0, let port):
            return reachable(
                interfaces.compactMap { interface in
                    guard case .ipv6(let high, let low, _) = interface else { return nil }
                    return .ipv6(high: high, low: low, port: port)
                }
            )
        case .ipv4, .ipv6:
            return [bound]
        case .connection, .relay:
            return []
        }
    }

    /// The addresses of all interfaces, with port 0, in the system's order; empty when the system does not tell.
    static func interfaces() -> [Endpoint] {
        guard let devices = try? System.enumerateDevices() else { return [] }
        return devices.compactMap { device in device.address.flatMap { Endpoint($0) } }
    }

    private static func reachable(_ endpoints: [Endpoint]) -> [Endpoint] {
        let usable = endpoints.filter { !$0.isLinkLocal }
        let outward = usable.filter { !$0.isLoopback }
        return outward.isEmpty ? usable : outward
    }
}

extension Endpoint {
    /// 169.254.0.0/16 (RFC 3927 §1.4) or fe80::/10 (RFC 4291 §2.5.6), which needs a zone that endpoints do not carry.
    var isLinkLocal: Bool {
        switch self {
        case .ipv4(let address, _): address >> 16 == 0xa9fe
        case .ipv6(let high, _, _): high >> 54 == 0x3fa
        case .connection, .relay: false
        }
    }
}
