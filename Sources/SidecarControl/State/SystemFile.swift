#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The few file operations that need modes, locks and durability to be exact.
enum SystemFile {
    /// The system's words for an error number.
    static func message(_ code: CInt) -> String {
        guard let text = strerror(code) else { return "error \(code)" }
        return String(cString: text)
    }

    /// The permission bits of the file at `path` and whether it is a directory; nil when there is none.
    static func mode(of path: String) -> (permissions: mode_t, isDirectory: Bool)? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return (status.st_mode & 0o777, status.st_mode & S_IFMT == S_IFDIR)
    }

    /// Makes what is at `path` its owner's alone.
    static func restrict(_ path: String) throws(StateError) {
        guard chmod(path, 0o600) == 0 else { throw .system("restricted", path, errno: errno) }
    }

    /// The first `limit` bytes of the file at `path`.
    static func read(_ path: String, limit: Int) throws(StateError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("read", path, errno: errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: limit)
        var count = 0
        while count < limit {
            let read = bytes[count...].withUnsafeMutableBytes { Glue.read(descriptor, $0.baseAddress, $0.count) }
            guard read >= 0 else { throw .system("read", path, errno: errno) }
            if read == 0 { break }
            count += read
        }
        return Array(bytes.prefix(count))
    }

    /// Makes the file at `path` with `bytes` and mode 0600, durable before it has its name, so that a crash leaves all
    /// of it or nothing. With `replacing` false it fails when there is a file already, and returns false.
    static func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws(StateError) -> Bool {
        let draft = "\(path).\(getpid()).new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("written", path, errno: errno) }
        defer {
            close(descriptor)
            unlink(draft)
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glue.write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { throw .system("written", path, errno: errno) }
            rest = rest.dropFirst(written)
        }
        guard fsync(descriptor) == 0 else { throw .system("written", path, errno: errno) }
        if replacing {
            guard rename(draft, path) == 0 else { throw .system("written", path, errno: errno) }
        } else if link(draft, path) != 0 {
            if errno == EEXIST { return false }
            throw .system("written", path, errno: errno)
        }
        return true
    }
}

/// The system calls whose names Swift's own would hide inside `SystemFile`.
private enum Glue {
    static func read(_ descriptor: CInt, _ base: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
        Glibc.read(descriptor, base, count)
        #elseif canImport(Musl)
        Musl.read(descriptor, base, count)
        #else
        Darwin.read(descriptor, base, count)
        #endif
    }

    static func write(_ descriptor: CInt, _ base: UnsafeRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, base, count)
        #elseif canImport(Musl)
        Musl.write(descriptor, base, count)
        #else
        Darwin.write(descriptor, base, count)
        #endif
    }
}
