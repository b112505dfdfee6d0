#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that people and programs edit.
struct SharedFile {
    /// Its real place, symbolic links followed.
    let path: String

    /// The file at `path`, wherever that leads.
    init(at path: String) {
        guard let real = realpath(path, nil) else {
            self.path = path
            return
        }
        defer { free(real) }
        self.path = String(cString: real)
    }

    private var directory: String {
        let slash = path.lastIndex(of: "/")
        return slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    /// Does `body` while no other process does so for a file of the same directory.
    func whileLocked<Result>(_ body: () throws -> Result) throws -> Result {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("the directory cannot be opened") }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
        return try body()
    }

    /// Puts `text` in the place of the content: whoever opens the file sees the old text or the new, never a part, and
    /// owner and mode stay as far as this user may set them.
    func replace(with text: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("it is gone") }
        let draft = "\(path).\(getpid()).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("it cannot be written") }
        var isKept = false
        defer {
            close(descriptor)
            if !isKept { unlink(draft) }
        }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("it cannot be written") }
            rest = rest.dropFirst(count)
        }
        // Only the superuser may give files away.
        _ = fchown(descriptor, status.st_uid, status.st_gid)
        guard fchmod(descriptor, status.st_mode & 0o7777) == 0, fsync(descriptor) == 0 else {
            throw failure("it cannot be written")
        }
        guard rename(draft, path) == 0 else { throw failure("it cannot be replaced") }
        isKept = true
    }

    private func failure(_ what: String) -> CommandFailure {
        CommandFailure(
            .failed,
            code: "configuration-unwritable",
            message: "\(path): \(what): \(String(cString: strerror(errno)))",
            hint: "check owner and mode of file and directory, and the room on the disk"
        )
    }
}
