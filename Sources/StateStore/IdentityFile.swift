package import OverlayCrypto
package import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The file with a node's key. It is one line of text:
///
/// ```
/// postern-ed25519-seed:<the 32 bytes of the RFC 8032 seed as 64 hexadecimal digits>
/// ```
///
/// Its mode is 0600. It is made once and never overwritten; a file that others can read is refused.
package struct IdentityFile: Hashable, Sendable {
    private static let prefix = "postern-ed25519-seed:"
    private static let byteLimit = 256

    private let path: String
    private let mode: KeyFileMode

    package init(path: String, mode: KeyFileMode = .owner) {
        self.path = path
        self.mode = mode
    }

    /// The identity in the file; nil when there is no file.
    package func load() throws(Problem) -> NodeIdentity? {
        guard let status = SystemFile.status(of: path) else { return nil }
        guard status.owner == geteuid() || mode.trustsRoot && status.owner == 0 else {
            throw Problem(
                code: "key-exposed",
                message: "\(path) belongs to another user, who can read and replace the node's key",
                hint: "run: chown \(geteuid()) '\(path)' (and make a new identity if it is not yours)"
            )
        }
        guard status.permissions & mode.forbiddenOnFiles == 0 else {
            throw Problem(
                code: "key-exposed",
                message: "\(path) has mode \(status.octal): others can read the node's key",
                hint:
                    "run: chmod \(mode.octal) '\(path)' (and make a new identity if somebody may have read it)"
            )
        }
        var bytes: [UInt8]
        do { bytes = try StateFile(reading: path).readAll(limit: Self.byteLimit) } catch { throw Problem(error) }
        defer { SeedText.wipe(&bytes) }
        let line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
        guard line.starts(with: Self.prefix.utf8),
            let identity = try? SeedText.identity(line.dropFirst(Self.prefix.utf8.count))
        else {
            throw Problem(
                code: "key-broken",
                message: "\(path) is not a key file of postern (one line: \(Self.prefix)<64 hexadecimal digits>)",
                hint: "restore it from a copy; moving it away and `postern init` make a new identity with a new address"
            )
        }
        return identity
    }

    /// Makes a new key. When another process was faster its key is taken.
    package func create() throws(Problem) -> (identity: NodeIdentity, isNew: Bool) {
        var line = SeedText.fresh(after: Self.prefix)
        defer { SeedText.wipe(&line) }
        let isNew: Bool
        do { isNew = try StateFile.create(path, with: line) } catch { throw Problem(error) }
        guard let identity = try load() else {
            throw Problem(
                code: "state-unusable",
                message: "\(path) vanished while it was made",
                hint: "see who else works in the directory"
            )
        }
        return (identity, isNew)
    }

}

/// Bytes from the system's generator.
enum SystemRandom {
    /// `count` bytes that nobody can predict.
    static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
