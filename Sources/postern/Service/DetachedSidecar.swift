import PosternModel
import StateStore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A sidecar that runs in the background, in a session of its own, with its log in a file.
struct DetachedSidecar {
    /// The `postern` program, absolute.
    let program: String
    let arguments: [String]
    /// Where it logs, appended.
    let log: String

    /// The program of this process.
    static var ownProgram: String? {
        guard let path = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(path) }
        return String(cString: path)
    }

    /// Starts it and returns the document of its READY line. Throws what it said when it ended instead.
    func start() throws(CommandFailure) -> JSONValue {
        var ends: [CInt] = [0, 0]
        guard pipe(&ends) == 0 else { throw failure("no pipe can be made: \(Self.reason(errno))") }
        defer { close(ends[0]) }
        let logged = fileSize
        let number = spawn(output: ends[1])
        close(ends[1])
        guard let process = number else { throw failure("\(program) cannot be started: \(Self.reason(errno))") }
        if let line = firstLine(from: ends[0]), line.hasPrefix("READY "),
            let document = try? JSONValue(parsing: String(line.dropFirst(6)))
        {
            return document
        }
        var status: CInt = 0
        waitpid(process, &status, 0)
        throw failure(told(from: logged))
    }

    private func spawn(output: CInt) -> pid_t? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // POSIX_SPAWN_SETSID: no terminal's hang-up reaches it.
        posix_spawnattr_setflags(&attributes, 0x80)
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, program, &actions, &attributes, &words, environ)
        errno = result
        return result == 0 ? process : nil
    }

    private func firstLine(from descriptor: CInt) -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 1 << 16 {
            let count = read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return nil }
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return nil
    }

    private var fileSize: off_t {
        var status = stat()
        return stat(log, &status) == 0 ? status.st_size : 0
    }

    /// What was logged behind `offset`, the last lines of it on one.
    private func told(from offset: off_t) -> String {
        let descriptor = open(log, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "it ended at once" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = pread(descriptor, &bytes, bytes.count, offset)
        let lines = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n")
        return lines.isEmpty ? "it ended at once" : lines.suffix(4).joined(separator: "; ")
    }

    private func failure(_ message: String) -> CommandFailure {
        CommandFailure(.failed, code: "not-started", message: message, hint: "see \(log), or run `postern up` itself")
    }

    private static func reason(_ number: CInt) -> String { String(cString: strerror(number)) }
}

/// The process that listens on a control socket.
struct RunningSidecar {
    let process: pid_t

    /// The one that listens at `path`; nil: nobody does, or the system does not say who.
    init?(listeningAt path: String) {
        guard let descriptor = Self.connected(to: path) else { return nil }
        defer { close(descriptor) }
        // struct ucred: process, user, group (unix(7)).
        var credentials: (pid_t, uid_t, gid_t) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, credentials.0 > 0 else {
            return nil
        }
        process = credentials.0
    }

    /// Asks it to end and lets running calls finish. Whether it has left `state` in time: the end of its process is for
    /// its parent to see.
    func stop(leaving state: StateDirectory, seconds: Int) -> Bool {
        guard kill(process, SIGTERM) == 0 || errno == ESRCH else { return false }
        for _ in 0..<seconds * 20 {
            if (try? state.lock()) != nil { return true }
            usleep(50_000)
        }
        return false
    }

    private static func connected(to path: String) -> CInt? {
        var place = sockaddr_un()
        place.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        guard name.count < MemoryLayout.size(ofValue: place.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &place.sun_path) { $0.copyBytes(from: name) }
        #if canImport(Glibc)
        let kind = CInt(SOCK_STREAM.rawValue)
        #else
        let kind = SOCK_STREAM
        #endif
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return nil }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard result == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
