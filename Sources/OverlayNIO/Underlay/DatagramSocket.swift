import NIOCore
import OverlayCore
import OverlayWire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A bound UDP socket that sends by itself.
///
/// NIO reads from a duplicate of the descriptor and never writes: after most send errors NIO closes a UDP channel, with
/// all peers on it, although the error concerns one destination (a firewall's `EPERM`, `ENETUNREACH`). Sending directly
/// also lets a refused segmentation offload fall back without losing a packet, and saves the envelope.
final class DatagramSocket {
    /// Where the socket is bound.
    let localEndpoint: Endpoint
    /// Whether the kernel cuts one write into many packets (UDP_SEGMENT). Turned off for good when it refuses.
    var offloadsSegmentation: Bool
    /// Whether the kernel takes an ECN mark with each packet. Turned off for good when it refuses; the core then hears
    /// of no marks from the peer, and asks for none.
    var carriesMarks = true
    /// The descriptor, closed by ``close()``.
    let descriptor: CInt
    /// Room for two control messages: segment size and ECN codepoint.
    let control: UnsafeMutableRawBufferPointer
    /// The channel that reads from the socket, once it is there.
    private(set) var channel: (any Channel)?
    /// Where a packet goes, in the system's form.
    let name: UnsafeMutableRawBufferPointer
    private var isOpen = true

    /// Binds to `address`. `bufferSize` is what is asked of the kernel for each direction, in bytes; less is accepted.
    init(binding address: SocketAddress, bufferSize: CInt) throws {
        let family: CInt
        switch address {
        case .v4: family = AF_INET
        case .v6: family = AF_INET6
        case .unixDomainSocket: throw IOError(errnoCode: EAFNOSUPPORT, reason: "a UDP socket needs an IP address")
        }
        let descriptor = socket(family, datagramType, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        do {
            try Self.configure(descriptor, family: family, bufferSize: bufferSize)
            try address.withSockAddr { pointer, size in
                guard bind(descriptor, pointer, socklen_t(size)) == 0 else {
                    throw IOError(errnoCode: errno, reason: "bind \(address)")
                }
            }
            localEndpoint = try Self.boundEndpoint(descriptor, family: family)
        } catch {
            systemClose(descriptor)
            throw error
        }
        self.descriptor = descriptor
        offloadsSegmentation = Self.supportsSegmentation(descriptor)
        control = .allocate(byteCount: 64, alignment: MemoryLayout<Int>.alignment)
        control.initializeMemory(as: UInt8.self, repeating: 0)
        name = .allocate(byteCount: RawSocketAddress.capacity, alignment: 8)
    }

    deinit {
        close()
        control.deallocate()
        name.deallocate()
    }

    /// Closes the descriptor and the channel that reads from its duplicate.
    func close() {
        guard isOpen else { return }
        isOpen = false
        channel?.close(promise: nil)
        channel = nil
        systemClose(descriptor)
    }

    /// Takes the channel that reads from the socket. One that comes too late is closed.
    func adopt(_ channel: any Channel) {
        guard isOpen else {
            channel.close(promise: nil)
            return
        }
        self.channel = channel
    }

    /// A second descriptor of the same socket, for NIO to read from and to close.
    func duplicate() throws -> CInt {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw IOError(errnoCode: errno, reason: "fcntl F_DUPFD_CLOEXEC") }
        return copy
    }

    private static func configure(_ descriptor: CInt, family: CInt, bufferSize: CInt) throws {
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
            throw IOError(errnoCode: errno, reason: "fcntl O_NONBLOCK")
        }
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
            throw IOError(errnoCode: errno, reason: "fcntl FD_CLOEXEC")
        }
        // Best effort: what the limits allow, then more where we may exceed them.
        setOption(descriptor, SOL_SOCKET, SO_RCVBUF, bufferSize)
        setOption(descriptor, SOL_SOCKET, SO_SNDBUF, bufferSize)
        #if os(Linux)
        setOption(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, bufferSize)
        setOption(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, bufferSize)
        // Never fragment, and leave the path's size to our own probes (RFC 8899 §4.1).
        if family == AF_INET {
            setOption(descriptor, CInt(IPPROTO_IP), IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        } else {
            setOption(descriptor, CInt(IPPROTO_IPV6), IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
        }
        #endif
        if family == AF_INET6 {
            setOption(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 1)
        }
    }

    @discardableResult
    private static func setOption(_ descriptor: CInt, _ level: CInt, _ name: CInt, _ value: CInt) -> Bool {
        var value = value
        return setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<CInt>.size)) == 0
    }

    private static func boundEndpoint(_ descriptor: CInt, family: CInt) throws -> Endpoint {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let failed = withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { getsockname(descriptor, $0.baseAddress, &size) }
        }
        guard failed == 0 else { throw IOError(errnoCode: errno, reason: "getsockname") }
        return withUnsafeBytes(of: storage) { bytes in
            // The kernel filled in the form that belongs to the family.
            family == AF_INET ? Endpoint(rawIPv4: bytes) : Endpoint(rawIPv6: bytes)
        }
    }

    private static func supportsSegmentation(_ descriptor: CInt) -> Bool {
        #if os(Linux)
        setOption(descriptor, CInt(IPPROTO_UDP), udpSegment, 0)
        #else
        false
        #endif
    }
}

/// `UDP_SEGMENT` of Linux's `udp.h`, which glibc of Debian 12 does not name.
let udpSegment: CInt = 103

#if os(Linux)
let datagramType = CInt(SOCK_DGRAM.rawValue)
#else
let datagramType = SOCK_DGRAM
#endif

func systemClose(_ descriptor: CInt) {
    // Nothing can be done about an error of close, and the descriptor is gone in any case.
    _ = close(descriptor)
}
