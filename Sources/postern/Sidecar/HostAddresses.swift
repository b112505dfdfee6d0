import NIOCore
import OverlayNIO
import OverlayWire
import PosternModel

/// The addresses of this host's interfaces.
enum HostAddresses {
    /// The addresses that `place`, an address, stands for: all IPv4 interfaces mean all IPv6 ones as well, where the
    /// host has any.
    static func listening(at place: HostPort) throws -> [SocketAddress] {
        let host = place.address ?? place.host
        var addresses = [try SocketAddress(ipAddress: host, port: Int(place.port))]
        if host == "0.0.0.0", hasIPv6 { addresses.append(try SocketAddress(ipAddress: "::", port: Int(place.port))) }
        return addresses
    }

    /// Whether any interface but loopback has an IPv6 address that is not only for its link.
    static var hasIPv6: Bool {
        interfaces.contains { endpoint in
            guard case .ipv6(let high, let low, _) = endpoint else { return false }
            return !(high == 0 && low == 1) && high >> 54 != 0x3fa
        }
    }

    /// Where others may find what is bound at `bound`: itself, or the interfaces that a wildcard stands for, those that
    /// lead off this machine first. Loopback is left out unless there is nothing else.
    static func concrete(_ bound: Endpoint) -> [Endpoint] {
        let candidates: [Endpoint]
        switch bound {
        case .ipv4(0, let port):
            candidates = interfaces.compactMap { interface in
                guard case .ipv4(let address, _) = interface, address >> 16 != 0xa9fe else { return nil }
                return .ipv4(address: address, port: port)
            }
        case .ipv6(0, 0, let port):
            candidates = interfaces.compactMap { interface in
                guard case .ipv6(let high, let low, _) = interface, high >> 54 != 0x3fa else { return nil }
                return .ipv6(high: high, low: low, port: port)
            }
        case .ipv4, .ipv6:
            return [bound]
        case .connection, .relay:
            return []
        }
        let outward = candidates.filter { !$0.isLoopback }
        return outward.isEmpty ? candidates : outward
    }

    private static var interfaces: [Endpoint] {
        let devices = (try? System.enumerateDevices()) ?? []
        return devices.compactMap { device in device.address.flatMap { Endpoint($0) } }
    }
}
