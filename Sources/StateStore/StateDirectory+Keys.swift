package import OverlayCrypto
package import PosternModel
package import TrustCore

// The keys of the node: the current one, the next one, and the records that say so.
extension StateDirectory {
    /// The key that comes next, until it is moved away: see ``IdentityFile/Role/next``.
    package var recoveryPath: String { path + "/recovery.key" }
    /// Which key comes after which: see `Protocol.md` §2.1.
    package var recordsPath: String { path + "/identity.records" }

    /// The file with the current key.
    package var identityFile: IdentityFile { IdentityFile(path: identityPath, mode: keyFileMode) }

    /// The identity in the directory, opened with a passphrase of `source` where it takes one; nil when none was made
    /// yet.
    package func identity(_ source: any PassphraseSource = NoPassphrase()) throws(Problem) -> NodeIdentity? {
        guard let current = try identityFile.load(source) else { return nil }
        return try named(current)
    }

    /// The identity in the directory, made now when there is none. `isNew` tells which.
    package func identityOrNew(
        _ source: any PassphraseSource = NoPassphrase()
    ) throws(Problem) -> (identity: NodeIdentity, isNew: Bool) {
        if let identity = try identity(source) { return (identity, false) }
        return try identityFile.create()
    }

    /// The records of the node whose current key is `key`, without those of a change that was not made; nil when it has
    /// not committed to a next key. Throws when they are another node's.
    package func records(of key: NodeKey) throws(Problem) -> NodeChain? {
        guard let chain = try NodeRecordFile(path: recordsPath).load() else { return nil }
        guard let counting = chain.upTo(key) else {
            throw Problem(
                code: "records-broken",
                message: "\(recordsPath) is of \(chain.current.did), and the key of \(key.did)",
                hint: "bring back the file that belongs to the key"
            )
        }
        return counting
    }

    /// Makes the next key and commits `identity` to it, unless that was done before. A next key that lies in the
    /// directory already is taken, so that a stop in the middle leaves nothing to repair.
    package func commitNextKey(of identity: NodeIdentity, at time: Timestamp) throws(Problem) -> NodeChain {
        if let chain = try records(of: identity.currentKey) { return chain }
        let file = IdentityFile(path: recoveryPath, mode: keyFileMode, role: .next)
        let kept = try file.load()
        let next = if let kept { kept } else { try file.create().identity }
        let record = NodeRecord(of: identity, committingTo: next.key, at: time)
        let chain = NodeChain(beginning: record)
        if try NodeRecordFile(path: recordsPath).create(chain) { return chain }
        return try records(of: identity.key) ?? chain
    }

    /// Where the next key lies if it is still in the directory.
    package var nextKeyBeside: String? { SystemFile.size(of: recoveryPath) == nil ? nil : recoveryPath }

    /// Writes an archive of the identity to `path`, which must not exist: see ``IdentityArchive``.
    package func exportIdentity(
        to path: String,
        under passphrase: Passphrase,
        opening source: any PassphraseSource,
        cost: PassphraseCost = .standard
    ) throws(Problem) {
        guard var digits = try identityFile.seedDigits(source), let owner = try identityFile.owner() else { return }
        defer { SeedText.wipe(&digits) }
        let records = try records(of: owner.key)
        var former: [String] = []
        if let records, records.isChanged, let current = try? SeedText.identity(digits[...]) {
            former = try formerKeys(of: records).seeds(current)
        }
        let archive = IdentityArchive(owner: owner.key, digits: digits, records: records, former: former)
        let line = try archive.line(under: passphrase, cost: cost)
        let isNew: Bool
        do { isNew = try StateFile.create(path, with: line) } catch { throw Problem(error) }
        guard isNew else {
            throw Problem(
                code: "file-exists",
                message: "\(path) is there already and is not overwritten",
                hint: "name another file, or remove that one"
            )
        }
    }

    /// Takes the identity of the archive at `path` into this directory, which is made now or holds none. Its key.
    package func importIdentity(from path: String, opening source: any PassphraseSource) throws(Problem) -> NodeKey {
        guard try identityFile.owner() == nil else { throw identityExists }
        var archive = try IdentityArchive(file: path, opening: source)
        defer { SeedText.wipe(&archive.digits) }
        try create()
        let file = NodeRecordFile(path: recordsPath)
        if let kept = try file.load(), kept != archive.records {
            throw Problem(
                code: "records-broken",
                message: "\(recordsPath) is not what the archive says of the key",
                hint: "import into an empty directory"
            )
        }
        if let records = archive.records { _ = try file.create(records) }
        if let records = archive.records, records.isChanged {
            try formerKeys(of: records).write(archive.former, sealedTo: archive.owner)
        }
        guard try identityFile.create(seed: archive.digits) else { throw identityExists }
        return archive.records?.first ?? archive.owner
    }

    private var identityExists: Problem {
        Problem(
            code: "identity-exists",
            message: "\(identityPath) is there already and is not overwritten",
            hint: "import into another directory with --state DIR"
        )
    }
}
