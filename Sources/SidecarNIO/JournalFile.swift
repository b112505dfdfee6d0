package import SidecarCore
package import StateStore

/// The sidecar's durable memory: a journal of facts in one file (``SidecarCore/TrustJournal``).
///
/// An append returns when the line is on the disk. A line that a crash left half-written is cut off when the file is
/// opened. When much of it is outdated, it is written anew beside the old one, which it then replaces in one step.
package final class JournalFile {
    private var file: StateFile
    private let path: String
    private var byteCount: Int
    /// The size at which ``needsCompaction`` turns true.
    private var compactionSize: Int

    /// The smallest journal that is worth compacting.
    private static let smallestCompaction = 256 << 10

    /// Opens or makes the journal at `path`; returns it with the facts in it and the number of bytes of a half-written
    /// line that were cut off. Throws ``StateFileError``, also when the content is damaged elsewhere than at its end or
    /// another process has it open.
    package static func open(
        path: String
    ) throws(StateFileError) -> (journal: JournalFile, facts: [TrustFact], cutByteCount: Int) {
        let file = try StateFile(path: path)
        try file.lock()
        let bytes = try file.readAll()
        let replay: TrustJournal.Replay
        do {
            replay = try TrustJournal.replay(bytes)
        } catch {
            throw StateFileError(path: path, operation: "read", errorNumber: nil, message: "\(error)")
        }
        if replay.validByteCount < bytes.count {
            try file.truncate(to: replay.validByteCount)
        }
        try file.synchronize()
        try StateFile.synchronizeDirectory(of: path)
        let journal = JournalFile(file: file, path: path, byteCount: replay.validByteCount)
        return (journal, replay.facts, bytes.count - replay.validByteCount)
    }

    private init(file: consuming StateFile, path: String, byteCount: Int) {
        self.file = file
        self.path = path
        self.byteCount = byteCount
        compactionSize = max(byteCount * 2, Self.smallestCompaction)
    }

    /// Makes `facts` durable together. When it throws, they are not in the journal, and the next append takes their
    /// place.
    package func append(_ facts: [TrustFact]) throws(StateFileError) {
        let line = TrustJournal.line(facts)
        try file.write(line, at: byteCount)
        try file.synchronize()
        byteCount += line.count
    }

    /// Whether the journal has grown enough since it was last compacted.
    package var needsCompaction: Bool { byteCount > compactionSize }

    /// Replaces the content by `facts`, which say the same. When it throws, the old journal stands.
    package func compact(to facts: [TrustFact]) throws(StateFileError) {
        let line = TrustJournal.line(facts)
        try StateFile.replace(path, with: line, isDurable: true)
        let fresh = try StateFile(path: path)
        try fresh.lock()
        file = fresh
        byteCount = line.count
        compactionSize = max(byteCount * 2, Self.smallestCompaction)
    }
}
