/// A file of lines that is only appended to: a node's durable memory. What a line says is its owner's matter.
///
/// An append is done when its line is on the disk. When the file has grown to twice what it was, the next append may
/// replace the content by a snapshot that says the same, in one step.
///
/// All that changes is confined to the loop of the queue once the file is open, hence the unchecked conformance.
package final class JournalFile: @unchecked Sendable {
    private let queue: StateQueue
    private let path: String
    private var file: StateFile
    private var byteCount: Int
    /// The size at which compaction becomes due.
    private var compactionSize: Int

    /// The smallest journal that is worth compacting.
    private static let smallestCompaction = 256 << 10

    /// What became of an append that succeeded.
    package struct Written: Sendable {
        /// Whether the next append should bring a snapshot.
        package let needsCompaction: Bool
        /// Why the snapshot could not replace the content; the line was appended instead.
        package let compactionFailure: StateFileError?
    }

    /// Opens or makes the journal at `path`. `validate` reads the content and returns how many bytes of it are whole
    /// lines; what a crash left behind them is cut off, and its size returned. Throws what `validate` throws, and when
    /// another process has the journal open; nothing has been changed then.
    package static func open(
        path: String,
        queue: StateQueue,
        validate: ([UInt8]) throws(StateFileError) -> Int
    ) throws(StateFileError) -> (journal: JournalFile, cutByteCount: Int) {
        let file = try StateFile(path: path)
        try file.lock()
        let content = try file.readAll()
        let validByteCount = try validate(content)
        if validByteCount < content.count { try file.truncate(to: validByteCount) }
        try file.synchronize()
        try StateFile.synchronizeDirectory(of: path)
        let journal = JournalFile(file: file, path: path, queue: queue, byteCount: validByteCount)
        return (journal, content.count - validByteCount)
    }

    private init(file: consuming StateFile, path: String, queue: StateQueue, byteCount: Int) {
        self.file = file
        self.path = path
        self.queue = queue
        self.byteCount = byteCount
        compactionSize = max(byteCount * 2, Self.smallestCompaction)
    }

    /// Makes `line`, with its line feed, durable, and then calls `then` on the queue. After a failure the line is not
    /// in the journal, and the next append takes its place.
    ///
    /// `snapshot`, if given, makes the line that takes the place of everything, `line` included. When it cannot be
    /// written, `line` is appended.
    package func append(
        _ line: [UInt8],
        snapshot: (@Sendable () -> [UInt8])? = nil,
        then: @escaping @Sendable (Result<Written, StateFileError>) -> Void
    ) {
        queue.run { then(self.write(line, snapshot: snapshot)) }
    }

    /// Lets go of the file after everything handed in before.
    package func close() {
        queue.run { self.file.unlock() }
    }

    private func write(_ line: [UInt8], snapshot: (() -> [UInt8])?) -> Result<Written, StateFileError> {
        var compactionFailure: StateFileError?
        if let snapshot {
            do throws(StateFileError) {
                try replace(with: snapshot())
                return .success(Written(needsCompaction: false, compactionFailure: nil))
            } catch {
                compactionFailure = error
                compactionSize = byteCount * 2
            }
        }
        do throws(StateFileError) {
            try file.write(line, at: byteCount)
            try file.synchronize()
        } catch {
            return .failure(error)
        }
        byteCount += line.count
        let needsCompaction = byteCount > compactionSize
        return .success(Written(needsCompaction: needsCompaction, compactionFailure: compactionFailure))
    }

    private func replace(with line: [UInt8]) throws(StateFileError) {
        try StateFile.replace(path, with: line, isDurable: true)
        let fresh = try StateFile(path: path)
        try fresh.lock()
        file = fresh
        byteCount = line.count
        compactionSize = max(byteCount * 2, Self.smallestCompaction)
    }
}
