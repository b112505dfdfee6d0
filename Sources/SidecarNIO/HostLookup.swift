import OverlayWire
import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why a name has no addresses, in the system's words.
struct LookupError: Error, CustomStringConvertible {
    let description: String
}

/// Asks the system for the addresses of a name.
enum HostLookup {
    /// More than anybody serves one name with.
    private static let limit = 8

    /// Every address of `place`, of both families in turns (RFC 8305 §4), each once. Blocks.
    static func endpoints(of place: HostPort) throws(LookupError) -> [Endpoint] {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        #else
        hints.ai_socktype = SOCK_DGRAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(place.host, String(place.port), &hints, &list)
        guard code == 0 else { throw LookupError(description: String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(list) }
        var ipv6: [Endpoint] = []
        var ipv4: [Endpoint] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            guard let text = Self.text(of: entry), let found = HostPort(host: text, port: place.port),
                let endpoint = Endpoint(found)
            else { continue }
            if entry.ai_family == AF_INET6 {
                if !ipv6.contains(endpoint) { ipv6.append(endpoint) }
            } else if !ipv4.contains(endpoint) {
                ipv4.append(endpoint)
            }
        }
        var endpoints: [Endpoint] = []
        for position in 0..<max(ipv6.count, ipv4.count) {
            endpoints += ipv6.dropFirst(position).prefix(1) + ipv4.dropFirst(position).prefix(1)
        }
        return Array(endpoints.prefix(limit))
    }

    private static func text(of entry: addrinfo) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = getnameinfo(
            entry.ai_addr,
            entry.ai_addrlen,
            &buffer,
            socklen_t(buffer.count),
            nil,
            0,
            NI_NUMERICHOST
        )
        guard code == 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
