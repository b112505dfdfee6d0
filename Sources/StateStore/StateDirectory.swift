package import OverlayCrypto
package import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The directory that holds who a node is: its key, its trust, its audit trail. A copy of it is the move to another
/// host.
package struct StateDirectory: Hashable, Sendable {
    /// Absolute.
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// The Ed25519 seed: see ``IdentityFile``.
    package var identityPath: String { path + "/identity.key" }
    /// The control socket of the running sidecar.
    package var socketPath: String { path + "/control.sock" }
    /// The bearer token for changes over loopback TCP.
    package var tokenPath: String { path + "/control.token" }
    /// The local ports that reached services without `listen` got.
    package var reachPortsPath: String { path + "/reach.ports" }
    /// Whom we trust for what: see `SidecarCore`'s `TrustJournal`.
    package var journalPath: String { path + "/trust.journal" }
    /// The audit trail: see ``AuditFile``.
    package var auditPath: String { path + "/audit.jsonl" }
    /// Which first messages are spent: see ``ReplayFloorFile``.
    package var floorsPath: String { path + "/replay.floors" }
    /// Where peers were when they were last met.
    package var peersPath: String { path + "/peers.cache" }
    /// The file that the running program locks.
    package var lockPath: String { path + "/lock" }

    /// Makes the directory, and those above it, with mode 0700 when it is not there. One that is there keeps its mode.
    package func create() throws(Problem) {
        if let status = SystemFile.mode(of: path) {
            guard status.isDirectory else { throw notDirectory }
            return
        }
        let parent = path.split(separator: "/").dropLast().joined(separator: "/")
        if SystemFile.mode(of: "/" + parent) == nil { try StateDirectory(path: "/" + parent).create() }
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw .system("made", path, errno: errno) }
    }

    /// Locks the directory for this process until the result goes away or the process ends.
    package func lock() throws(Problem) -> DirectoryLock {
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("locked", path, errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isTaken = errno == EWOULDBLOCK
            let failure = Problem.system("locked", path, errno: errno)
            close(descriptor)
            throw isTaken ? taken : failure
        }
        noteOwner(in: descriptor)
        return DirectoryLock(descriptor: descriptor)
    }

    /// The identity in the directory; nil when none was made yet.
    package func identity() throws(Problem) -> NodeIdentity? { try IdentityFile(path: identityPath).load() }

    /// The identity in the directory, made now when there is none. `isNew` tells which.
    package func identityOrNew() throws(Problem) -> (identity: NodeIdentity, isNew: Bool) {
        let file = IdentityFile(path: identityPath)
        if let identity = try file.load() { return (identity, false) }
        return try file.create()
    }

    /// The token for changes over loopback TCP, made when there is none.
    package func controlToken() throws(Problem) -> ControlToken {
        do throws(StateFileError) { return try ControlToken(path: tokenPath) } catch { throw Problem(error) }
    }

    /// Writes the process id into the lock file, for people who look for the holder. The lock holds without it.
    private func noteOwner(in descriptor: CInt) {
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(descriptor, 0) == 0 else { return }
        _ = pwrite(descriptor, text, text.count, 0)
    }

    private var notDirectory: Problem {
        Problem(
            code: "state-unusable",
            message: "\(path) is not a directory",
            hint: "name another state directory with --state"
        )
    }

    private var taken: Problem {
        Problem(
            code: "state-in-use",
            message: "another postern runs on the state directory \(path)",
            hint: "stop it first, or give this one its own directory with --state"
        )
    }
}

/// Holds the lock on a state directory.
package final class DirectoryLock: Sendable {
    private let descriptor: CInt

    init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    deinit {
        // A program that is being started may hold a copy of the descriptor for a moment, and with it the lock.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
