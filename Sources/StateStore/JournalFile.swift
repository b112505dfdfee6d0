package import OverlayCrypto
import PosternModel
package import TrustCore

/// A node's durable memory: a file of sealed lines that is only appended to (``TrustCore/JournalChain``), and beside it
/// the node's signature over its end. What a line says is its owner's matter.
///
/// An append is done when its line is on the disk; the signature follows at once, before the next line. So the file may
/// end one line behind its mark, when the process ends between the two, and never before it. When the file has grown to
/// twice what it was, the next append may replace the content by a base that says the same, in one step.
///
/// All that changes is confined to the loop of the queue once the file is open, hence the unchecked conformance.
package final class JournalFile: @unchecked Sendable {
    private let queue: StateQueue
    private let path: String
    private let identity: NodeIdentity
    private let failed: @Sendable (StateFileError) -> Void
    private var file: StateFile
    private var chain: JournalChain
    private var byteCount: Int
    /// The size at which compaction becomes due.
    private var compactionSize: Int
    /// The end that was signed last.
    private var marked: ChainHead?

    /// The smallest journal that is worth compacting.
    private static let smallestCompaction = 256 << 10

    /// What became of an append that succeeded.
    package struct Written: Sendable {
        /// The end of the journal.
        package let head: ChainHead
        /// Whether the next append should bring a base.
        package let needsCompaction: Bool
        /// Why the base could not replace the content; the line was appended instead.
        package let compactionFailure: StateFileError?
    }

    /// A journal that was opened.
    package struct Opened {
        package let journal: JournalFile
        /// What it says.
        package let reading: JournalReading
        /// The bytes of a line that a crash left unfinished, which were cut off.
        package let cutByteCount: Int
    }

    /// Where the signed end of the journal at `path` is.
    package static func markPath(of path: String) -> String { path + ".head" }

    /// Whether nothing has ever been kept in the journal at `path`, as far as its own files say. Throws when one of
    /// them is a symbolic link.
    package static func isUnused(_ path: String) throws(StateFileError) -> Bool {
        var byteCount = 0
        for file in [path, markPath(of: path)] {
            try StateFile.refuseLink(at: file)
            byteCount += SystemFile.size(of: file) ?? 0
        }
        return byteCount == 0
    }

    /// Opens or makes the journal of `identity` at `path` and verifies it; a half-written last line is cut off.
    /// `isNew`: nothing says that the node has kept one before. `validate` reads the contents of the lines. Throws what
    /// it throws, a fault of the journal, and when another process has it open; nothing has been changed then.
    /// `failed` hears, on the queue, when the end could not be signed.
    package static func open(
        path: String,
        identity: NodeIdentity,
        isNew: Bool,
        queue: StateQueue,
        failed: @escaping @Sendable (StateFileError) -> Void,
        validate: (JournalReading) throws(JournalFault) -> Void
    ) throws(JournalOpenError) -> Opened {
        do {
            let file = try StateFile(path: path)
            try file.lock()
            let content = try file.readAll()
            let key = ChainKey(of: identity, for: .journal)
            let mark = try readMark(of: path, by: identity.key)
            let reading = try JournalReading(content, key: key, mark: mark, isNew: isNew)
            try validate(reading)
            if reading.validByteCount < content.count { try file.truncate(to: reading.validByteCount) }
            try file.synchronize()
            try StateFile.synchronizeDirectory(of: path)
            let journal = JournalFile(
                file,
                path: path,
                identity: identity,
                queue: queue,
                reading: reading,
                failed: failed
            )
            if !reading.isBegun { try journal.begin(behind: content[..<reading.validByteCount], reading) }
            journal.marked = mark
            try journal.sign()
            let cut = content.count - reading.validByteCount
            return Opened(journal: journal, reading: reading, cutByteCount: cut)
        } catch let error as StateFileError {
            throw .unusable(error)
        } catch let fault as JournalFault {
            throw .broken(fault, path: path)
        } catch {
            preconditionFailure("nothing else is thrown here")
        }
    }

    private init(
        _ file: consuming StateFile,
        path: String,
        identity: NodeIdentity,
        queue: StateQueue,
        reading: JournalReading,
        failed: @escaping @Sendable (StateFileError) -> Void
    ) {
        self.file = file
        self.path = path
        self.identity = identity
        self.queue = queue
        self.failed = failed
        chain = JournalChain(after: reading.head, key: ChainKey(of: identity, for: .journal))
        byteCount = reading.validByteCount
        compactionSize = max(byteCount * 2, Self.smallestCompaction)
    }

    /// The end of the journal.
    package var head: ChainHead { chain.head }

    /// Makes a line with `content` durable, and then calls `then` on the queue. Its number is the next one, or
    /// `minimum` if that is higher. After a failure the line is not in the journal, and the next append takes its
    /// place.
    ///
    /// `base`, if given, makes the content of the line that takes the place of everything, `content` included. When it
    /// cannot be written, `content` is appended.
    ///
    /// `entries` come into `trail` behind the line, whether it could be written or not, and before `then` is called.
    package func append(
        _ content: [UInt8],
        minimum: Int64 = 0,
        base: (@Sendable () -> [UInt8])? = nil,
        recording entries: [AuditFile.Entry] = [],
        in trail: AuditFile? = nil,
        then: @escaping @Sendable (Result<Written, StateFileError>) -> Void
    ) {
        queue.run {
            let write = { self.write(content, minimum: minimum, base: base) }
            then(trail?.record(entries, behind: self.head, write) ?? write())
            // Who waits for the line does not wait for this.
            do throws(StateFileError) { try self.sign() } catch { self.failed(error) }
        }
    }

    /// Lets go of the file after everything handed in before.
    package func close() {
        queue.run { self.file.unlock() }
    }

    /// Writes the first sealed line.
    private func begin(behind former: ArraySlice<UInt8>, _ reading: JournalReading) throws(StateFileError) {
        let isFirst = former.isEmpty
        if !isFirst {
            let end = ChainHead(sequence: Int64(reading.contents.count), hash: JournalReading.hash(ofFormer: former))
            chain = JournalChain(after: end, key: ChainKey(of: identity, for: .journal))
        }
        try append(chain.append(JournalChain.opening, isBase: isFirst))
    }

    private func write(_ content: [UInt8], minimum: Int64, base: (() -> [UInt8])?) -> Result<Written, StateFileError> {
        var compactionFailure: StateFileError?
        var next = chain
        if let base {
            do throws(StateFileError) {
                try replace(with: next.append(base(), isBase: true, minimum: minimum))
                chain = next
                return .success(Written(head: chain.head, needsCompaction: false, compactionFailure: nil))
            } catch {
                compactionFailure = error
                compactionSize = byteCount * 2
                next = chain
            }
        }
        do throws(StateFileError) {
            try append(next.append(content, minimum: minimum))
            chain = next
        } catch {
            return .failure(error)
        }
        let needsCompaction = byteCount > compactionSize
        let written = Written(head: chain.head, needsCompaction: needsCompaction, compactionFailure: compactionFailure)
        return .success(written)
    }

    private func append(_ line: [UInt8]) throws(StateFileError) {
        try file.write(line, at: byteCount)
        try file.synchronize()
        byteCount += line.count
    }

    private func replace(with line: [UInt8]) throws(StateFileError) {
        try StateFile.replace(path, with: line, isDurable: true)
        let fresh = try StateFile(path: path)
        try fresh.lock()
        file = fresh
        byteCount = line.count
        compactionSize = max(byteCount * 2, Self.smallestCompaction)
    }

    /// Signs the end, which is on the disk.
    private func sign() throws(StateFileError) {
        guard marked != chain.head else { return }
        let text = StateMark(of: identity, at: chain.head).document.canonicalBytes
        try StateFile.replace(Self.markPath(of: path), with: text + [UInt8(ascii: "\n")], isDurable: true)
        marked = chain.head
    }

    /// The end that the node has signed; nil: none that counts is there.
    private static func readMark(of path: String, by node: NodeKey) throws(StateFileError) -> ChainHead? {
        guard SystemFile.size(of: markPath(of: path)) != nil else { return nil }
        let text = try StateFile(reading: markPath(of: path)).readAll()
        guard let document = try? JSONValue(parsing: text), let mark = try? StateMark(verifying: document),
            mark.node == node
        else { return nil }
        return mark.head
    }
}

/// Why a journal could not be opened.
package enum JournalOpenError: Error, Hashable, Sendable {
    case unusable(StateFileError)
    /// It is not what the node has written.
    case broken(JournalFault, path: String)
}

extension JournalFile {
    /// What was saved of a broken journal.
    package struct Repaired: Hashable, Sendable {
        /// What was wrong with it.
        package let fault: JournalFault
        /// How many lines were whole.
        package let lineCount: Int
        /// Where the broken one is.
        package let keptAt: String
    }

    /// Puts what can be saved of the broken journal of `identity` at `path` in the place of it, and behind it a line
    /// with the content that `adding` makes of the highest number known; the broken one is kept beside. Its numbers go
    /// on after that. Of the lines that no seal covers those are saved that `isGenuine`: what is in them is sealed from
    /// then on. Returns nil, and changes nothing, when the journal is whole. Nobody has it open.
    package static func repair(
        path: String,
        identity: NodeIdentity,
        isGenuine: (ArraySlice<UInt8>) -> Bool,
        adding content: (Int64) -> [UInt8]
    ) throws(StateFileError) -> Repaired? {
        let key = ChainKey(of: identity, for: .journal)
        let bytes = SystemFile.size(of: path) == nil ? [] : try StateFile(reading: path).readAll()
        let mark = try readMark(of: path, by: identity.key)
        let fault: JournalFault
        do throws(JournalFault) {
            _ = try JournalReading(bytes, key: key, mark: mark, isNew: false)
            return nil
        } catch {
            fault = error
        }
        let saved = JournalReading.salvage(bytes, key: key)
        let end = mark.flatMap { $0.sequence > saved.last.sequence ? $0 : nil } ?? saved.last
        var chain = JournalChain(after: end, key: key)
        var text = chain.append(JournalChain.opening, isBase: true)
        let contents = saved.contents.prefix(saved.formerCount).filter(isGenuine) + saved.contents[saved.formerCount...]
        for line in contents { text += chain.append(Array(line)) }
        text += chain.append(content(end.sequence))
        let keptAt = SystemFile.unused(path + ".broken")
        if !bytes.isEmpty { try StateFile.replace(keptAt, with: bytes, isDurable: true) }
        // Until the new mark is there the journal does not read, and this can be done again.
        try StateFile.replace(path, with: text, isDurable: true)
        let signed = StateMark(of: identity, at: chain.head).document.canonicalBytes
        try StateFile.replace(markPath(of: path), with: signed + [UInt8(ascii: "\n")], isDurable: true)
        return Repaired(fault: fault, lineCount: contents.count, keptAt: keptAt)
    }
}
