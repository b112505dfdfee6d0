import Glibc

/// A blocking TCP socket for tests: what real clients and agents do, one line at a time. Every wait ends after ten
/// seconds.
final class Socket {
    enum Ending: Equatable {
        /// The other side sent its end.
        case end
        /// The other side aborted.
        case reset
        /// Nothing came within the time.
        case silence
    }

    private var descriptor: Int32
    private var buffered: [UInt8] = []
    private(set) var ending: Ending?

    private init(_ descriptor: Int32, patience: Int = 10) {
        self.descriptor = descriptor
        setPatience(seconds: patience)
    }

    deinit { close() }

    static func connect(port: Int) -> Socket {
        let socket = Socket(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        let result = withAddress(port: port) { Glibc.connect(socket.descriptor, $0, $1) }
        precondition(result == 0, "cannot connect to port \(port)")
        return socket
    }

    /// A listening socket on any free port.
    static func listen() -> Socket {
        let socket = Socket(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        precondition(withAddress(port: 0) { bind(socket.descriptor, $0, $1) } == 0)
        precondition(Glibc.listen(socket.descriptor, 64) == 0)
        return socket
    }

    private static func withAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    var port: Int {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        return Int(in_port_t(bigEndian: address.sin_port))
    }

    func setPatience(seconds: Int, milliseconds: Int = 0) {
        var time = timeval(tv_sec: seconds, tv_usec: milliseconds * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    /// The next connection, or nil when none comes.
    func accept() -> Socket? {
        let accepted = Glibc.accept(descriptor, nil, nil)
        return accepted < 0 ? nil : Socket(accepted)
    }

    /// Whether no connection comes for a moment.
    func acceptsNothing() -> Bool {
        setPatience(seconds: 0, milliseconds: 200)
        defer { setPatience(seconds: 10) }
        return accept() == nil
    }

    /// Writes as much as the other side takes; returns how many bytes that is.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Int {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return written }
            written += count
        }
        return written
    }

    @discardableResult
    func write(_ text: String) -> Int { write(Array(text.utf8)) }

    private func fill() -> Bool {
        guard ending == nil || ending == .silence else { return false }
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count > 0 {
            buffered += chunk[..<count]
            return true
        }
        ending = count == 0 ? .end : errno == EAGAIN || errno == EWOULDBLOCK ? .silence : .reset
        return false
    }

    /// Reads `count` bytes, or fewer when the connection ends first.
    func read(_ count: Int) -> [UInt8] {
        while buffered.count < count, fill() {}
        let result = Array(buffered.prefix(count))
        buffered.removeFirst(result.count)
        return result
    }

    func readText(_ count: Int) -> String { String(decoding: read(count), as: UTF8.self) }

    /// Reads until behind `mark`.
    func read(through mark: String) -> String {
        let wanted = Array(mark.utf8)
        while true {
            if let range = buffered.firstRange(of: wanted) {
                let result = Array(buffered[..<range.upperBound])
                buffered.removeFirst(result.count)
                return String(decoding: result, as: UTF8.self)
            }
            guard fill() else { return String(decoding: read(buffered.count), as: UTF8.self) }
        }
    }

    /// Reads the head of a message.
    func readHead() -> String { read(through: "\r\n\r\n") }

    /// Reads until the connection ends.
    func readToEnd() -> String {
        while fill() {}
        return readText(buffered.count)
    }

    /// How the connection ends, once everything was read.
    func readEnding() -> Ending {
        _ = readToEnd()
        return ending ?? .silence
    }

    /// Whether nothing comes for a moment.
    func hearsNothing() -> Bool {
        setPatience(seconds: 0, milliseconds: 200)
        defer { setPatience(seconds: 10) }
        return buffered.isEmpty && !fill() && ending == .silence
    }

    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }

    /// Closes with a reset.
    func abort() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }
}
