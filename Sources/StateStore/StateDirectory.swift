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
    /// Who besides the owner may have access.
    package let keyFileMode: KeyFileMode

    /// The directory at `path`, whose files are their owner's alone unless `keyFileMode` says more.
    package init(path: String, keyFileMode: KeyFileMode = .owner) {
        self.path = path
        self.keyFileMode = keyFileMode
    }

    /// The Ed25519 seed: see ``IdentityFile``.
    package var identityPath: String { path + "/identity.key" }
    /// The control socket of the running sidecar.
    package var socketPath: String { path + "/control.sock" }
    /// The bearer token for loopback TCP.
    package var tokenPath: String { path + "/control.token" }
    /// The page by which `postern open` takes a browser to the status page.
    package var openPagePath: String { path + "/open.html" }
    /// The local ports that reached services without `listen` got.
    package var reachPortsPath: String { path + "/reach.ports" }
    /// The receivers of push notifications that clients registered with agents of peers.
    package var receiversPath: String { path + "/push.receivers" }
    /// Whom we trust for what: see `SidecarCore`'s `TrustJournal`.
    package var journalPath: String { path + "/trust.journal" }
    /// The audit trail: see ``AuditFile``.
    package var auditPath: String { path + "/audit.jsonl" }
    /// Which first messages are spent: see ``ReplayFloorFile``.
    package var floorsPath: String { path + "/replay.floors" }
    /// The same of those who redeem invitations: see ``GuestFloorFile``.
    package var guestFloorsPath: String { path + "/guests.floors" }
    /// Which numbers of first messages are used: see ``HandshakeCounterFile``.
    package var counterPath: String { path + "/handshake.counter" }
    /// Where peers were when they were last met.
    package var peersPath: String { path + "/peers.cache" }
    /// The file that the running program locks.
    package var lockPath: String { path + "/lock" }

    /// Makes the directory, and those above it, with mode 0700 when it is not there. One that is there keeps its mode.
    package func create() throws(Problem) {
        if let status = SystemFile.status(of: path) {
            guard status.isDirectory else { throw notDirectory }
            return
        }
        let parent = path.split(separator: "/").dropLast().joined(separator: "/")
        if SystemFile.status(of: "/" + parent) == nil { try StateDirectory(path: "/" + parent).create() }
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw .system("made", path, errno: errno) }
    }

    /// Locks the directory for this process until the result goes away or the process ends.
    package func lock() throws(Problem) -> DirectoryLock {
        try checkAccess()
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw errno == ELOOP ? link : .system("locked", path, errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isTaken = errno == EWOULDBLOCK
            let failure = Problem.system("locked", path, errno: errno)
            close(descriptor)
            throw isTaken ? taken : failure
        }
        noteOwner(in: descriptor)
        return DirectoryLock(descriptor: descriptor)
    }

    /// The token for loopback TCP, made when there is none.
    package func controlToken() throws(Problem) -> ControlToken {
        do throws(StateFileError) { return try ControlToken(path: tokenPath) } catch { throw Problem(error) }
    }

    /// Refuses a directory in which somebody else could replace our files.
    private func checkAccess() throws(Problem) {
        guard let status = SystemFile.status(of: path) else { return }
        guard status.owner == geteuid() || keyFileMode.trustsRoot && status.owner == 0 else {
            throw Problem(
                code: "state-exposed",
                message: "\(path) belongs to another user, who could replace the files in it",
                hint: "run: chown -R \(geteuid()) '\(path)', or run postern as its owner"
            )
        }
        guard status.permissions & keyFileMode.forbiddenOnDirectories == 0 else {
            throw Problem(
                code: "state-exposed",
                message: "\(path) has mode \(status.octal): others can replace the files in it",
                hint: "run: chmod go-w '\(path)'"
            )
        }
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

    private var link: Problem {
        Problem(
            code: "state-exposed",
            message: "\(lockPath) is a symbolic link, which is not followed",
            hint: "run: rm '\(lockPath)'"
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

/// Who may read a node's key file, and write to its directory.
package enum KeyFileMode: String, Hashable, Sendable {
    /// The owner alone.
    case owner
    /// The owner and a group, as a volume has it whose group is set from outside (Kubernetes' `fsGroup`).
    case group

    /// The bits that a key file may not have.
    var forbiddenOnFiles: mode_t {
        switch self {
        case .owner: 0o077
        case .group: 0o037
        }
    }

    /// The mode of a key file, as chmod(1) takes it.
    var octal: String {
        switch self {
        case .owner: "600"
        case .group: "640"
        }
    }

    /// The bits that a state directory may not have.
    var forbiddenOnDirectories: mode_t {
        switch self {
        case .owner: 0o022
        case .group: 0o002
        }
    }

    /// Whether a directory or key of the superuser's will do.
    var trustsRoot: Bool {
        switch self {
        case .owner: false
        case .group: true
        }
    }
}
