import OverlayCrypto
import PosternModel
import StateStore
import TrustCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Key, files and disk of a state directory.
struct StateFindings {
    let state: StateDirectory
    /// Whether the configuration lets the group read the key.
    let isKeyShared: Bool

    var all: [Finding] {
        guard Self.mode(of: state.path) != nil else {
            return [
                .broken(
                    "key",
                    "there is no directory \(state.path)",
                    why: "it holds the key that is this node",
                    hint: "make both: postern init --state '\(state.path)'"
                )
            ]
        }
        return [key, directory, recovery, records, socket].compactMap(\.self) + files
            + [Self.room(SystemFile.freeByteCount(at: state.path), at: state.path)].compactMap(\.self)
    }

    private var key: Finding {
        do throws(Problem) {
            guard let owner = try directoryOfKey.identityFile.owner() else {
                return .broken(
                    "key",
                    "\(state.path) holds no key",
                    why: "the key is the node",
                    hint: "make one: postern init --state '\(state.path)'"
                )
            }
            let records = try? directoryOfKey.records(of: owner.key)
            let name = records?.first ?? owner.key
            let changed = name == owner.key ? "" : ", which has the key \(owner.key.did) now"
            return .ok("key", name.did + changed + (owner.isProtected ? ", under a passphrase" : ""))
        } catch {
            return .broken(
                "key",
                error.message,
                why: "no sidecar starts on it, since whoever reads the key is the node",
                hint: error.hint ?? "check owner and mode of \(state.identityPath)"
            )
        }
    }

    private var directory: Finding? {
        guard let mode = Self.mode(of: state.path), mode & 0o022 != 0 else { return nil }
        return .broken(
            "state directory",
            "others may write into \(state.path)",
            why: "they can put files of theirs in the place of the node's",
            hint: "chmod go-w '\(state.path)'"
        )
    }

    /// Secrets that more than their owner can read.
    private var files: [Finding] {
        [state.tokenPath, state.journalPath, state.auditPath, state.recoveryPath].compactMap { path in
            guard let mode = Self.mode(of: path), mode & 0o077 != 0 else { return nil }
            return .broken(
                "file modes",
                "\(path) is open to others (mode \(String(mode, radix: 8)))",
                why: "it says whom this node trusts, opens its control API, or is its next key",
                hint: "chmod 600 '\(path)'"
            )
        }
    }

    private var recovery: Finding? {
        guard let path = state.nextKeyBeside else { return nil }
        return .warning(
            "key",
            "the key of the next rotation lies beside the key itself",
            why: "whoever takes one takes both, and the node cannot be won back",
            hint: "move \(path) to a place of its own"
        )
    }

    /// What the records of the node's key say, where that is not as it should be.
    private var records: Finding? {
        do throws(Problem) {
            guard let owner = try directoryOfKey.identityFile.owner() else { return nil }
            guard try directoryOfKey.records(of: owner.key) == nil else { return nil }
            return .note(
                "key",
                "no next key is committed to",
                why: "a stolen key could not be told from the node's own",
                hint: "make one: postern init --state '\(state.path)'"
            )
        } catch {
            guard error.code == "records-broken" else { return nil }
            return .broken(
                "key",
                error.message,
                why: "nobody could tell which key comes after this one",
                hint: error.hint ?? "bring back a copy of \(state.recordsPath)"
            )
        }
    }

    private var directoryOfKey: StateDirectory {
        StateDirectory(path: state.path, keyFileMode: isKeyShared ? .group : .owner)
    }

    private var socket: Finding? {
        // sun_path has 108 bytes, the last of them zero (unix(7)).
        guard state.socketPath.utf8.count > 107 else { return nil }
        return .broken(
            "state directory",
            "the path \(state.socketPath) is longer than 107 bytes",
            why: "no control socket can be opened there",
            hint: "choose a shorter state directory"
        )
    }

    /// What `free` bytes are worth; nil: nobody knows how many there are.
    static func room(_ free: UInt64?, at path: String) -> Finding? {
        guard let free else { return nil }
        let words = "\(free >> 20) MiB are free on the disk of \(path)"
        if free < 1 << 20 {
            return .broken(
                "disk",
                words,
                why: "nothing is promised that cannot be stored: no trust can be given or ended for good",
                hint: "make room"
            )
        }
        guard free < 64 << 20 else { return .ok("disk", words) }
        return .warning("disk", words, why: "trust and audit trail need room", hint: "make room")
    }

    private static func mode(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }
}
