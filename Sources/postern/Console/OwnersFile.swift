import Foundation
import PosternModel
import TrustCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A new file for a secret, which its owner alone may read. No file is overwritten.
struct OwnersFile {
    private let path: String
    private let descriptor: Int32

    init(creating path: String) throws(CommandFailure) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path, "is not written: \(String(cString: strerror(errno)))") }
    }

    /// Writes the whole of it, and closes the file.
    func write(_ text: String) throws(CommandFailure) {
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(text.utf8))
            try handle.synchronize()
        } catch {
            throw Self.failure(path, "could not be written whole")
        }
    }

    /// There was nothing to write.
    func discard() {
        close(descriptor)
        unlink(path)
    }

    private static func failure(_ path: String, _ what: String) -> CommandFailure {
        let hint = "name a file that does not exist yet, in a directory that this user may write"
        return CommandFailure(Problem(code: "file-unwritable", message: "\(path) \(what)", hint: hint))
    }
}

/// What a command is given in a file.
enum FileText {
    /// The text in the file at `path`, or on standard input for `-`; `code` and `what` are for the failure.
    static func read(_ path: String, code: String, what: String) throws(CommandFailure) -> String {
        let handle = path == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: path)
        guard let handle, let data = try? handle.read(upToCount: LinkText.limit) else {
            let hint = "name a file with the text of \(what), or - and give it on standard input"
            throw CommandFailure(Problem(code: code, message: "\(path) cannot be read", hint: hint))
        }
        return String(decoding: data, as: UTF8.self)
    }
}
