import OverlayCrypto
import PosternModel
import StateStore
import TrustCore

extension StateDirectory {
    /// The identity in the directory, with the lock that keeps other programs from running on it. Throws when there is
    /// no identity, or another program runs.
    func openAtRest() throws(CommandFailure) -> (identity: NodeIdentity, lock: DirectoryLock) {
        do {
            guard let identity = try self.identity(PassphraseInput.ofKey) else { throw CommandFailure.noIdentity(path) }
            let lock = try lock()
            try settleRotation()
            // The key may have been changed before the lock was there.
            guard try identityFile.owner()?.key != identity.currentKey else { return (identity, lock) }
            return (try opened(), lock)
        } catch let failure as CommandFailure {
            throw failure
        } catch let problem as Problem {
            throw CommandFailure(state: problem)
        } catch {
            preconditionFailure("nothing else is thrown here")
        }
    }

    /// The identity in the directory, with a passphrase where it takes one. Throws when there is none.
    func opened() throws(CommandFailure) -> NodeIdentity {
        let identity = try CommandFailure.ofState { () throws(Problem) in try self.identity(PassphraseInput.ofKey) }
        guard let identity else { throw .noIdentity(path) }
        return identity
    }

    /// What the node is called: its first key. Throws when there is no key.
    func name() throws(CommandFailure) -> NodeKey {
        let key = try owner().key
        return try CommandFailure.ofState { () throws(Problem) in try records(of: key)?.first } ?? key
    }

    /// The current key, and whether the key is under a passphrase, which is not asked for. Throws when there is no key.
    func owner() throws(CommandFailure) -> (key: NodeKey, isProtected: Bool) {
        guard let owner = try CommandFailure.ofState({ () throws(Problem) in try identityFile.owner() }) else {
            throw .noIdentity(path)
        }
        return owner
    }
}
