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

/// Asks the kernel whether a UDP port on the local network is open: a byte sent from a connected socket comes back as
/// an ICMP error when it is not (RFC 1122 §4.1.3.1). A node that is there drops the byte silently.
final class PortProbe {
    /// How long an answer of another host on the local network may take.
    static let patience = TimeAmount.milliseconds(50)

    private let descriptor: CInt

    /// Sends the byte; nil when the system has no socket for it.
    init?(_ endpoint: Endpoint) {
        guard let address = endpoint.socketAddress else { return nil }
        let family =
            switch address {
            case .v4: AF_INET
            case .v6: AF_INET6
            case .unixDomainSocket: AF_UNIX
            }
        descriptor = socket(family, datagramType, 0)
        guard descriptor >= 0 else { return nil }
        let isConnected = address.withSockAddr { pointer, size in
            connect(descriptor, pointer, socklen_t(size)) == 0
        }
        guard isConnected else { return }
        var junk: UInt8 = 0
        systemSend(descriptor, &junk, 1)
    }

    deinit {
        systemClose(descriptor)
    }

    /// Whether the port was reported as closed.
    var isRefused: Bool {
        var error: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 else { return false }
        return error == ECONNREFUSED
    }
}

/// `send`, whose name the methods of this module hide. What became of the byte is asked of the socket later.
private func systemSend(_ descriptor: CInt, _ bytes: UnsafeRawPointer, _ byteCount: Int) {
    _ = send(descriptor, bytes, byteCount, CInt(MSG_DONTWAIT))
}

extension OverlayNode {
    /// A peer on the local network does not answer: finds out whether its program is still there.
    func askPort(of peer: PeerHandle, at endpoint: Endpoint) {
        guard let probe = PortProbe(endpoint) else { return }
        eventLoop.assumeIsolated().scheduleTask(in: PortProbe.patience) {
            guard case .running = self.phase, probe.isRefused else { return }
            self.core.peerIsGone(peer, at: endpoint, now: self.now)
            self.needsTurn()
        }
    }
}
