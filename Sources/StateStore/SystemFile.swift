package import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the system knows of a path besides the content.
package enum SystemFile {
    /// The system's words for an error number.
    package static func message(_ code: CInt) -> String {
        guard let text = strerror(code) else { return "error \(code)" }
        return String(cString: text)
    }

    /// What the system says of a file besides its content.
    struct Status {
        let permissions: mode_t
        let isDirectory: Bool
        let owner: uid_t

        /// The permissions as chmod(1) takes them.
        var octal: String { String(permissions, radix: 8) }
    }

    /// The bytes of the file at `path`; nil when there is none.
    package static func size(of path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// The bytes that this user may still write to the disk of `path`; nil when the system does not say.
    package static func freeByteCount(at path: String) -> UInt64? {
        var status = statvfs()
        return statvfs(path, &status) == 0 ? UInt64(status.f_bavail) * UInt64(status.f_frsize) : nil
    }

    /// Whether there is, or may be, something at `path` into which this user may not look.
    package static func isForbidden(_ path: String) -> Bool { access(path, R_OK | X_OK) != 0 && errno == EACCES }

    /// `path`, or with a number behind it, so that there is nothing of that name.
    static func unused(_ path: String) -> String {
        var number = 1
        var name = path
        while exists(name) {
            number += 1
            name = "\(path)-\(number)"
        }
        return name
    }

    /// Mode and owner of the file at `path`, which may be a symbolic link to it; nil when there is none.
    static func status(of path: String) -> Status? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Status(
            permissions: status.st_mode & 0o777,
            isDirectory: status.st_mode & S_IFMT == S_IFDIR,
            owner: status.st_uid
        )
    }

    /// Whether something has the name `path`.
    private static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Whether there is a symbolic link at `path`.
    static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// Makes what is at `path` its owner's alone.
    package static func restrict(_ path: String) throws(Problem) {
        guard chmod(path, 0o600) == 0 else { throw .system("restricted", path, errno: errno) }
    }
}
