import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Short conversations with programs on this host, each within a time.
enum Sockets {
    /// Why there was no conversation.
    enum Failure: Error, Hashable {
        /// The name is nobody's.
        case noSuchHost
        /// The system's reason, an errno value.
        case system(CInt)
        /// Nothing came in time.
        case timedOut

        /// In words.
        var text: String {
            switch self {
            case .noSuchHost: "the name cannot be resolved"
            case .system(ECONNREFUSED): "nobody listens there"
            case .system(let number): String(cString: strerror(number))
            case .timedOut: "nothing answers"
            }
        }
    }

    private static let stream = kind(isDatagram: false)
    private static let datagram = kind(isDatagram: true)

    private static func kind(isDatagram: Bool) -> CInt {
        #if canImport(Glibc)
        CInt((isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue)
        #else
        isDatagram ? SOCK_DGRAM : SOCK_STREAM
        #endif
    }

    /// The numeric addresses of `host`.
    static func addresses(of host: String) -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = datagram
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &found) == 0 else { return [] }
        defer { freeaddrinfo(found) }
        var addresses: [String] = []
        var next = found
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let length = socklen_t(text.count)
            let (address, size) = (entry.pointee.ai_addr, entry.pointee.ai_addrlen)
            if getnameinfo(address, size, &text, length, nil, 0, NI_NUMERICHOST) == 0 {
                addresses.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            next = entry.pointee.ai_next
        }
        return addresses
    }

    /// Whether the kernel knows a way to `address`.
    static func hasRoute(to address: String) -> Bool {
        // Connecting a datagram socket looks the route up and sends nothing.
        guard let descriptor = try? open(to: address, port: 443, kind: datagram, milliseconds: 0) else { return false }
        close(descriptor)
        return true
    }

    /// Whether somebody takes a connection at `place`; why not.
    static func connectionFailure(at place: HostPort, milliseconds: Int = 2_000) -> Failure? {
        do throws(Failure) {
            close(try open(to: place.host, port: place.port, kind: stream, milliseconds: milliseconds))
            return nil
        } catch {
            return error
        }
    }

    /// What comes back for `request` from `place` until it has ended, `limit` bytes are there, or the time is over.
    static func exchange(
        _ request: String,
        with place: HostPort,
        limit: Int = 65_536,
        milliseconds: Int = 3_000
    ) throws(Failure) -> [UInt8] {
        // Who closes early is told by an error.
        signal(SIGPIPE, SIG_IGN)
        let end = now + milliseconds
        let descriptor = try open(to: place.host, port: place.port, kind: stream, milliseconds: milliseconds)
        defer { close(descriptor) }
        var rest = Array(request.utf8)[...]
        while !rest.isEmpty {
            try wait(descriptor, for: CInt(POLLOUT), until: end)
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw .system(errno) }
            rest = rest.dropFirst(count)
        }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 8_192)
        while answer.count < limit {
            do throws(Failure) {
                try wait(descriptor, for: CInt(POLLIN), until: end)
            } catch {
                // A stream of events does not end; what it has said by then is enough.
                guard answer.isEmpty else { return answer }
                throw error
            }
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return answer }
            answer += chunk[..<count]
        }
        return answer
    }

    private static func open(to host: String, port: UInt16, kind: CInt, milliseconds: Int) throws(Failure) -> CInt {
        var hints = addrinfo()
        hints.ai_socktype = kind
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let first = found else { throw .noSuchHost }
        defer { freeaddrinfo(found) }
        var failure = Failure.noSuchHost
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let entry = next {
            do throws(Failure) {
                return try open(entry.pointee, milliseconds: milliseconds)
            } catch {
                failure = error
            }
            next = entry.pointee.ai_next
        }
        throw failure
    }

    private static func open(_ entry: addrinfo, milliseconds: Int) throws(Failure) -> CInt {
        let descriptor = socket(entry.ai_family, entry.ai_socktype, 0)
        guard descriptor >= 0 else { throw .system(errno) }
        do throws(Failure) {
            guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw .system(errno) }
            if connect(descriptor, entry.ai_addr, entry.ai_addrlen) != 0 {
                guard errno == EINPROGRESS else { throw .system(errno) }
                try wait(descriptor, for: CInt(POLLOUT), until: now + milliseconds)
                var reason: CInt = 0
                var length = socklen_t(MemoryLayout<CInt>.size)
                getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &length)
                guard reason == 0 else { throw .system(reason) }
            }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func wait(_ descriptor: CInt, for events: CInt, until end: Int) throws(Failure) {
        var poll = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        while true {
            let left = end - now
            guard left > 0 else { throw .timedOut }
            let ready = systemPoll(&poll, left)
            if ready > 0 { return }
            guard ready == 0 || errno == EINTR else { throw .system(errno) }
        }
    }

    private static func systemPoll(_ entry: inout pollfd, _ milliseconds: Int) -> CInt {
        poll(&entry, 1, CInt(clamping: milliseconds))
    }

    /// Milliseconds on a clock that only goes forward.
    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
    }
}
