#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why a file of the state directory could not be used.
package struct StateFileError: Error, Hashable, Sendable {
    package let path: String
    /// What was tried: `open`, `write`, …
    package let operation: String
    /// The system's error number, or nil when the content is the matter.
    package let errorNumber: Int32?
    /// One line for people.
    package let message: String

    package init(path: String, operation: String, errorNumber: Int32?, message: String) {
        self.path = path
        self.operation = operation
        self.errorNumber = errorNumber
        self.message = message
    }
}

extension StateFileError: CustomStringConvertible {
    package var description: String { "\(path): \(message)" }
}

/// An open file of the state directory, readable by its owner only.
package struct StateFile: ~Copyable {
    package let path: String
    private let descriptor: Int32

    /// Opens `path`, which is made with mode 0600 if it is not there. A symbolic link is not followed: who may put one
    /// there could have any file of ours overwritten.
    package init(path: String) throws(StateFileError) {
        try self.init(path: path, flags: O_RDWR | O_CREAT | O_NOFOLLOW)
    }

    /// Opens `path` for reading; throws when it is not there.
    package init(reading path: String) throws(StateFileError) {
        try self.init(path: path, flags: O_RDONLY)
    }

    /// Opens a new file on the disk of `path` that has no name, so that it is gone when it is closed.
    init(unnamedAt path: String) throws(StateFileError) {
        unlink(path)
        try self.init(path: path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW)
        unlink(path)
    }

    private init(path: String, flags: CInt) throws(StateFileError) {
        let descriptor = open(path, flags | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { throw errno == ELOOP ? Self.followingRefused(path) : Self.failure(path, "open") }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        // A program that is being started may hold a copy of the descriptor for a moment, and with it the lock.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Keeps another process from using the file at the same time, until this one ends.
    package func lock() throws(StateFileError) {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let message = "is in use by another postern: only one may run on a state directory"
            throw StateFileError(path: path, operation: "lock", errorNumber: errno, message: message)
        }
    }

    /// Lets another process, or another opening of this one, use the file from now on.
    package func unlock() {
        flock(descriptor, LOCK_UN)
    }

    /// The whole content, or its first `limit` bytes.
    package func readAll(limit: Int = .max) throws(StateFileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let wanted = min(chunk.count, limit - bytes.count)
            let count = pread(descriptor, &chunk, wanted, off_t(bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure(path, "read") }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }

    /// The `count` bytes at `offset`, or fewer where the file ends.
    func read(_ count: Int, at offset: Int) throws(StateFileError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var rest = [UInt8](repeating: 0, count: count - bytes.count)
            let read = pread(descriptor, &rest, rest.count, off_t(offset + bytes.count))
            if read < 0, errno == EINTR { continue }
            guard read >= 0 else { throw Self.failure(path, "read") }
            guard read > 0 else { return bytes }
            bytes += rest[..<read]
        }
        return bytes
    }

    /// Writes all of `bytes` at `offset`.
    package func write(_ bytes: [UInt8], at offset: Int) throws(StateFileError) {
        var written = 0
        while written < bytes.count {
            let rest = Array(bytes[written...])
            let count = pwrite(descriptor, rest, rest.count, off_t(offset + written))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(path, "write") }
            written += count
        }
    }

    /// Returns when everything written is on the disk.
    package func synchronize() throws(StateFileError) {
        guard fsync(descriptor) == 0 else { throw Self.failure(path, "fsync") }
    }

    /// Cuts off what stands behind the first `byteCount` bytes.
    package func truncate(to byteCount: Int) throws(StateFileError) {
        guard ftruncate(descriptor, off_t(byteCount)) == 0 else { throw Self.failure(path, "truncate") }
    }

    /// Puts `bytes` in the place of the file at `path`: whoever opens it sees the old content or the new, never a part.
    /// `isDurable`: returns when that survives a power failure.
    package static func replace(_ path: String, with bytes: [UInt8], isDurable: Bool) throws(StateFileError) {
        let draft = path + ".new"
        try write(bytes, toDraft: draft, isDurable: isDurable)
        guard rename(draft, path) == 0 else { throw failure(path, "rename") }
        if isDurable { try synchronizeDirectory(of: path) }
    }

    /// Makes the file at `path` with `bytes`, durable before it has its name, so that a crash leaves all of it or
    /// nothing. Returns false, and changes nothing, when there is a file already: another process may have been faster.
    package static func create(_ path: String, with bytes: [UInt8]) throws(StateFileError) -> Bool {
        let draft = "\(path).\(getpid()).new"
        defer { unlink(draft) }
        try write(bytes, toDraft: draft, isDurable: true)
        guard link(draft, path) == 0 else {
            if errno == EEXIST { return false }
            throw failure(path, "link")
        }
        try synchronizeDirectory(of: path)
        return true
    }

    private static func write(_ bytes: [UInt8], toDraft draft: String, isDurable: Bool) throws(StateFileError) {
        unlink(draft)
        let file = try StateFile(path: draft)
        try file.write(bytes, at: 0)
        if isDurable { try file.synchronize() }
    }

    /// Returns when the directory entry of `path` is on the disk.
    package static func synchronizeDirectory(of path: String) throws(StateFileError) {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(directory, "open") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(directory, "fsync") }
    }

    /// Throws when there is a symbolic link at `path`, which will not be followed.
    static func refuseLink(at path: String) throws(StateFileError) {
        guard !SystemFile.isLink(path) else { throw followingRefused(path) }
    }

    private static func followingRefused(_ path: String) -> StateFileError {
        let message = "is a symbolic link, which is not followed: remove it with rm '\(path)'"
        return StateFileError(path: path, operation: "open", errorNumber: ELOOP, message: message)
    }

    private static func failure(_ path: String, _ operation: String) -> StateFileError {
        let number = errno
        return StateFileError(
            path: path,
            operation: operation,
            errorNumber: number,
            message: "\(operation) failed: \(SystemFile.message(number))"
        )
    }
}
