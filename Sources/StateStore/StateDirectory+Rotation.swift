package import OverlayCrypto
package import PosternModel
package import TrustCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

// The change from the current key to the next one.
extension StateDirectory {
    /// The key after the one that is being changed to, until the change is made.
    private var successorPath: String { recoveryPath + ".new" }

    /// The former keys of a node whose key has changed as often as `chain` says.
    func formerKeys(of chain: NodeChain) -> FormerKeys { FormerKeys(path: "\(path)/identity.former-\(chain.count)") }

    /// Makes the next key the current one; a new next key is in ``recoveryPath`` afterwards. Whoever calls it holds the
    /// lock of the directory.
    ///
    /// Everything is written before the one step that counts, which puts the next key in the place of the current one:
    /// a stop before it leaves the node with its key, one behind it with the new one.
    package func rotateKey(
        to recovery: String,
        opening source: any PassphraseSource,
        at time: Timestamp,
        cost: PassphraseCost = .standard
    ) throws(Problem) -> NodeChain {
        try settleRotation()
        let opened = OpenedOnce(source)
        guard let current = try identityFile.load(opened), var digits = try identityFile.seedDigits(opened),
            let owner = try identityFile.owner()
        else { throw notCommitted }
        defer { SeedText.wipe(&digits) }
        guard let chain = try records(of: current.key) else { throw notCommitted }
        let (next, seed) = try nextKey(in: recovery)
        let successor = try IdentityFile(path: successorPath, mode: keyFileMode, role: .next).create().identity
        let changed = chain.changed(to: next, handingOver: current, committingTo: successor.key, at: time)
        guard let changed else { throw notTheNext(recovery, chain) }
        let earlier = chain.isChanged ? try formerKeys(of: chain).seeds(current) : []
        try formerKeys(of: changed).write(earlier + [String(decoding: digits, as: UTF8.self)], sealedTo: next.key)
        try NodeRecordFile(path: recordsPath).replace(by: changed)
        let passphrase = owner.isProtected ? try opened.passphrase(for: identityPath) : nil
        try identityFile.replace(bySeed: seed, of: next.key, under: passphrase, cost: cost)
        try settleRotation()
        return changed
    }

    /// Brings a change of the key to its end that was stopped behind the step that counts, and forgets one that was
    /// stopped before it.
    package func settleRotation() throws(Problem) {
        guard let owner = try identityFile.owner(), let chain = try records(of: owner.key) else { return }
        let file = IdentityFile(path: successorPath, mode: keyFileMode, role: .next)
        if let successor = try file.load() {
            if chain.latest.next.isKept(by: successor.key) {
                guard rename(successorPath, recoveryPath) == 0 else { throw unmoved }
            } else {
                unlink(successorPath)
            }
        }
        // The same keys are in the later file.
        for number in 0..<chain.count { unlink("\(path)/identity.former-\(number)") }
    }

    /// The node whose current key is `current`, by its first one.
    func named(_ current: NodeIdentity) throws(Problem) -> NodeIdentity {
        guard let chain = try records(of: current.key), chain.isChanged else { return current }
        let former = try formerKeys(of: chain).load(current)
        return chain.identity(current, former: former) ?? current
    }

    private func nextKey(in path: String) throws(Problem) -> (NodeIdentity, seed: [UInt8]) {
        let file = IdentityFile(path: path, mode: keyFileMode, role: .next)
        guard let next = try file.load(), let seed = try file.seedDigits(NoPassphrase()) else {
            throw Problem(
                code: "next-key-missing",
                message: "there is no next key at \(path)",
                hint: "bring recovery.key back, or name where it is: --recovery FILE"
            )
        }
        return (next, seed)
    }

    private var notCommitted: Problem {
        Problem(
            code: "next-key-missing",
            message: "the node has committed to no next key",
            hint: "make one: postern init --state '\(path)'; peers have to have heard of it before the key is stolen"
        )
    }

    private func notTheNext(_ file: String, _ chain: NodeChain) -> Problem {
        guard chain.records.count < NodeChain.limit else {
            return Problem(
                code: "next-key-used-up",
                message: "the key was changed \(NodeChain.limit - 1) times, and a node changes it no more often",
                hint: "begin with a new identity in another directory"
            )
        }
        return Problem(
            code: "next-key-other",
            message: "the key in \(file) is not the one that the node has committed to",
            hint: "name the recovery.key that was made last: --recovery FILE"
        )
    }

    private var unmoved: Problem {
        Problem(
            code: "state-unusable",
            message: "\(successorPath) cannot be renamed: \(SystemFile.message(errno))",
            hint: "it is the next key: rename it to \(recoveryPath)"
        )
    }
}

/// A passphrase that is asked for once.
private final class OpenedOnce: PassphraseSource {
    private let source: any PassphraseSource
    private var told: Passphrase?

    init(_ source: any PassphraseSource) { self.source = source }

    func passphrase(for path: String) throws(Problem) -> Passphrase {
        if let told { return told }
        let passphrase = try source.passphrase(for: path)
        told = passphrase
        return passphrase
    }
}

extension NodeChain {
    /// How often the key has changed.
    fileprivate var count: Int64 { latest.sequence }
}
