import Synchronization
import TrustCore

/// Room on the disk for what a program has to find again as long as it runs: a file without a name, gone with it.
///
/// It is written behind its end alone, under a lock, and what was written stays as it is, so any thread may read:
/// hence the unchecked conformance.
package final class AsideFile: EntryRoom, @unchecked Sendable {
    private let file: StateFile
    private let end = Mutex(0)

    /// Makes one on the disk of `directory`.
    package init(in directory: StateDirectory) throws(StateFileError) {
        file = try StateFile(unnamedAt: directory.path + "/aside.tmp")
    }

    package func append(_ bytes: [UInt8]) -> Int? {
        end.withLock { end in
            let start = end
            guard (try? file.write(bytes, at: start)) != nil else { return nil }
            end += bytes.count
            return start
        }
    }

    package func bytes(at position: Int, count: Int) -> [UInt8]? {
        guard let bytes = try? file.read(count, at: position), bytes.count == count else { return nil }
        return bytes
    }
}
