import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Standard input and output as the two halves of a connection. Plain system calls, so that a terminal, a pipe and a
/// file all do; each direction waits for the slower of its ends.
enum StandardStreams {
    /// How a connection ended.
    enum End {
        /// The other side sent its end, or nobody reads our output any more.
        case ended
        /// It was reset, or not even accepted.
        case broken
    }

    /// Connects to `port` on loopback and passes bytes both ways until the other side ends. Whatever ends this process
    /// before, SIGKILL included, resets the connection, so that what is behind it ends as well.
    static func join(port: UInt16) -> End {
        signal(SIGPIPE, SIG_IGN)
        guard let connection = connect(port: port) else { return .broken }
        resetOnClose(connection, true)
        Thread.detachNewThread {
            if copy(from: STDIN_FILENO, to: connection) != .writing { shutdown(connection, CInt(SHUT_WR)) }
        }
        switch copy(from: connection, to: STDOUT_FILENO) {
        case .end:
            resetOnClose(connection, false)
            return .ended
        case .reading: return .broken
        case .writing:
            close(connection)
            return .ended
        }
    }

    /// Where copying stopped.
    private enum Stop {
        /// Everything was copied.
        case end
        /// The source failed.
        case reading
        /// The destination failed.
        case writing
    }

    private static func copy(from source: CInt, to destination: CInt) -> Stop {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return count == 0 ? .end : .reading }
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes {
                    write(destination, $0.baseAddress?.advanced(by: sent), count - sent)
                }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return .writing }
                sent += written
            }
        }
    }

    private static func connect(port: UInt16) -> CInt? {
        #if canImport(Glibc)
        let connection = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        #else
        let connection = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        guard connection >= 0 else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                systemConnect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result == 0 { return connection }
        close(connection)
        return nil
    }

    /// Whether closing the connection, which the system does when the process ends, shows as an abort on its other
    /// side.
    private static func resetOnClose(_ connection: CInt, _ reset: Bool) {
        var option = linger(l_onoff: reset ? 1 : 0, l_linger: 0)
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}

private func systemConnect(_ socket: CInt, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> CInt {
    connect(socket, address, length)
}
