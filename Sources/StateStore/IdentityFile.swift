package import OverlayCrypto
package import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file with a key of the node's. It is one line of text:
///
/// ```
/// postern-ed25519-seed:<the 32 bytes of the RFC 8032 seed as 64 hexadecimal digits>
/// ```
///
/// or, with the digits under a passphrase, the line of JSON that ``SealedFile`` describes. Its mode is 0600. It is made
/// once and never overwritten, but to set or remove a passphrase; a file that others can read is refused.
package struct IdentityFile: Hashable, Sendable {
    /// Which key it is.
    package enum Role: String, Hashable, Sendable {
        /// The one that the node uses.
        case current = "postern-ed25519-seed:"
        /// The one that comes next. Its file cannot be taken for the other.
        case next = "postern-ed25519-next-seed:"
    }

    /// What a file says before anybody opens it.
    private enum Content {
        case plain([UInt8])
        case sealed(SealedFile)
    }

    private let path: String
    private let mode: KeyFileMode
    private let role: Role

    package init(path: String, mode: KeyFileMode = .owner, role: Role = .current) {
        self.path = path
        self.mode = mode
        self.role = role
    }

    /// The identity in the file, opened with a passphrase of `source` where it takes one; nil when there is no file.
    package func load(_ source: any PassphraseSource = NoPassphrase()) throws(Problem) -> NodeIdentity? {
        guard var digits = try seedDigits(source) else { return nil }
        defer { SeedText.wipe(&digits) }
        guard let identity = try? SeedText.identity(digits[...]) else { throw broken }
        return identity
    }

    /// Whose file it is and whether a passphrase protects it, which takes no passphrase; nil when there is no file.
    package func owner() throws(Problem) -> (key: NodeKey, isProtected: Bool)? {
        switch try content() {
        case nil: return nil
        case .sealed(let file): return (file.owner, true)
        case .plain(var digits):
            defer { SeedText.wipe(&digits) }
            guard let identity = try? SeedText.identity(digits[...]) else { throw broken }
            return (identity.key, false)
        }
    }

    /// Makes a new key. When another process was faster its key is taken.
    package func create() throws(Problem) -> (identity: NodeIdentity, isNew: Bool) {
        var line = SeedText.fresh(after: role.rawValue)
        defer { SeedText.wipe(&line) }
        let isNew = try write(line)
        guard let identity = try load() else {
            throw Problem(
                code: "state-unusable",
                message: "\(path) vanished while it was made",
                hint: "see who else works in the directory"
            )
        }
        return (identity, isNew)
    }

    /// Makes the file with a key whose seed is `digits`. False, and nothing is changed, when there is a file.
    func create(seed digits: [UInt8]) throws(Problem) -> Bool {
        var line = Array(role.rawValue.utf8) + digits + [UInt8(ascii: "\n")]
        defer { SeedText.wipe(&line) }
        return try write(line)
    }

    /// Seals the key under `passphrase`, or with nil takes the passphrase away, which `source` tells, from it.
    package func protect(
        with passphrase: Passphrase?,
        opening source: any PassphraseSource,
        cost: PassphraseCost = .standard
    ) throws(Problem) {
        guard var digits = try seedDigits(source), let owner = try owner() else { return }
        defer { SeedText.wipe(&digits) }
        try replace(bySeed: digits, of: owner.key, under: passphrase, cost: cost)
    }

    /// Puts the key `owner`, whose seed is `digits`, in the place of the one that is there, under `passphrase` if there
    /// is one.
    func replace(
        bySeed digits: [UInt8],
        of owner: NodeKey,
        under passphrase: Passphrase?,
        cost: PassphraseCost
    ) throws(Problem) {
        var line = Array(role.rawValue.utf8) + digits + [UInt8(ascii: "\n")]
        defer { SeedText.wipe(&line) }
        if let passphrase {
            line = try SealedFile.line(sealing: digits, kind: .key, owner: owner, under: passphrase, cost: cost)
        }
        do { try StateFile.replace(path, with: line, isDurable: true) } catch { throw Problem(error) }
    }

    /// The 64 digits of the seed, to be wiped after use; nil when there is no file.
    func seedDigits(_ source: any PassphraseSource) throws(Problem) -> [UInt8]? {
        switch try content() {
        case nil: return nil
        case .plain(let digits): return digits
        case .sealed(let file):
            guard let digits = try file.open(with: try source.passphrase(for: path)) else {
                throw Problem(
                    code: "wrong-passphrase",
                    message: "the passphrase does not open \(path)",
                    hint: "give the one that the key was protected with; nothing else opens it"
                )
            }
            guard (try? SeedText.identity(digits[...]))?.key == file.owner else { throw broken }
            return digits
        }
    }

    private func write(_ line: [UInt8]) throws(Problem) -> Bool {
        do { return try StateFile.create(path, with: line) } catch { throw Problem(error) }
    }

    private func content() throws(Problem) -> Content? {
        guard let status = SystemFile.status(of: path) else { return nil }
        try check(status)
        var bytes: [UInt8]
        do { bytes = try StateFile(reading: path).readAll(limit: 4_096) } catch { throw Problem(error) }
        defer { SeedText.wipe(&bytes) }
        let line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
        if let file = SealedFile(line, kind: .key), role == .current { return .sealed(file) }
        let prefix = role.rawValue.utf8
        guard line.starts(with: prefix), line.count == prefix.count + SeedText.digitCount else { throw broken }
        return .plain(Array(line.dropFirst(prefix.count)))
    }

    private func check(_ status: SystemFile.Status) throws(Problem) {
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
                hint: "run: chmod \(mode.octal) '\(path)' (and make a new identity if somebody may have read it)"
            )
        }
    }

    private var broken: Problem {
        switch role {
        case .current:
            Problem(
                code: "key-broken",
                message: "\(path) is not a key file of postern (one line: \(role.rawValue)<64 hexadecimal digits>, "
                    + "or its protected form)",
                hint: "restore it from a copy; moving it away and `postern init` make a new identity with a new address"
            )
        case .next:
            Problem(
                code: "key-broken",
                message: "\(path) does not hold a next key (one line: \(role.rawValue)<64 hexadecimal digits>)",
                hint: "restore it from a copy"
            )
        }
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
