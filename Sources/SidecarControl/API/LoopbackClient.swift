import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Whose program is at the other end of a loopback connection.
///
/// Browsers tell the cookies of 127.0.0.1 to every port there, those of other users' programs among them: a cookie
/// alone does not say that it comes from the owner's browser. The system does.
struct LoopbackClient {
    /// A socket in the system's table.
    struct Entry: Equatable {
        let user: UInt32
        /// 0 for one that its program has left already, of which the table does not tell the user.
        let inode: UInt64
    }

    private let client: Int
    private let server: Int

    /// The client of a connection with these ends; nil when they are not known.
    init?(local: SocketAddress?, remote: SocketAddress?) {
        guard let server = local?.port, let client = remote?.port else { return nil }
        self.client = client
        self.server = server
    }

    /// Whether the client's program is of the user that runs this one. True also where the system does not tell.
    var isOwnUser: Bool {
        let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].compactMap(Self.read)
        guard !tables.isEmpty else { return true }
        let entries = tables.flatMap { Self.entries(in: $0, from: client, to: server) }
        return !entries.isEmpty && entries.allSatisfy { $0.user == geteuid() && $0.inode != 0 }
    }

    /// The sockets in a table of the form of proc(5), `/proc/net/tcp`, that are connected from and to these ports.
    static func entries(in table: String, from client: Int, to server: Int) -> [Entry] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count > 9, port(fields[1]) == client, port(fields[2]) == server,
                let user = UInt32(fields[7]), let inode = UInt64(fields[9])
            else { return nil }
            return Entry(user: user, inode: inode)
        }
    }

    private static func port(_ address: Substring) -> Int? {
        address.split(separator: ":").last.flatMap { Int($0, radix: 16) }
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = chunk.withUnsafeMutableBytes { systemRead(descriptor, $0) }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }

    private static func systemRead(_ descriptor: CInt, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.read(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
        Musl.read(descriptor, bytes.baseAddress, bytes.count)
        #else
        Darwin.read(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}
