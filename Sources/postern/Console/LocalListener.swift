import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Addresses of this host on which a program can listen.
enum LocalListener {
    /// Whether a TCP listener can be opened at `place` now.
    static func isFree(_ place: HostPort) -> Bool { failure(at: place) == nil }

    /// Why no listener can be opened at `place`, an errno value; nil: one can.
    static func failure(at place: HostPort, isDatagram: Bool = false) -> CInt? {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
        #if canImport(Glibc)
        hints.ai_socktype = CInt((isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue)
        #else
        hints.ai_socktype = isDatagram ? SOCK_DGRAM : SOCK_STREAM
        #endif
        var found: UnsafeMutablePointer<addrinfo>?
        let host = place.host == "localhost" ? "127.0.0.1" : place.host
        guard getaddrinfo(host, String(place.port), &hints, &found) == 0, let found else { return EADDRNOTAVAIL }
        defer { freeaddrinfo(found) }
        let descriptor = socket(found.pointee.ai_family, found.pointee.ai_socktype, 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        // A port whose last connections have ended is free to a listener.
        var yes: CInt = 1
        if !isDatagram {
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
        }
        guard bind(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else { return errno }
        guard isDatagram || listen(descriptor, 1) == 0 else { return errno }
        return nil
    }
}
