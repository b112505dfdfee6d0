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

    /// The permission bits of the file at `path` and whether it is a directory; nil when there is none.
    static func mode(of path: String) -> (permissions: mode_t, isDirectory: Bool)? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return (status.st_mode & 0o777, status.st_mode & S_IFMT == S_IFDIR)
    }

    /// Makes what is at `path` its owner's alone.
    package static func restrict(_ path: String) throws(Problem) {
        guard chmod(path, 0o600) == 0 else { throw .system("restricted", path, errno: errno) }
    }
}
