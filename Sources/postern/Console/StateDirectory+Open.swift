import OverlayCrypto
import PosternModel
import StateStore

extension StateDirectory {
    /// The identity in the directory, with the lock that keeps other programs from running on it. Throws when there is
    /// no identity, or another program runs.
    func openAtRest() throws(CommandFailure) -> (identity: NodeIdentity, lock: DirectoryLock) {
        do {
            guard let identity = try self.identity() else { throw CommandFailure.noIdentity(path) }
            return (identity, try lock())
        } catch let failure as CommandFailure {
            throw failure
        } catch let problem as Problem {
            throw CommandFailure(state: problem)
        } catch {
            preconditionFailure("nothing else is thrown here")
        }
    }
}
