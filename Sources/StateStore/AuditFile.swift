package import NIOCore
package import OverlayCrypto
package import PosternModel
package import TrustCore

/// The audit trail in a file of hash-chained JSON lines, with a signed head beside it (DESIGN §10).
///
/// Lines are written on the queue in the order in which they are recorded, and are with the system then, so the end of
/// the process loses none of them. A second later the head is signed and both are brought to the disk; ``close(on:)``
/// does that at once. A file that has grown to its limit is closed and compressed, and the next one begins with an
/// entry that holds the signed head of those before it, so that it can be verified when they are gone (RULES N17).
///
/// An event that the disk does not take waits, with all that follow it, and is tried again each second. What waits when
/// the process ends is lost.
///
/// All that changes is confined to the loop of the queue once the file is open, hence the unchecked conformance.
package final class AuditFile: AuditTrail, @unchecked Sendable {
    private var file: StateFile
    private let segments: AuditSegments
    private let limits: AuditLimits
    private let headPath: String
    private let identity: NodeIdentity
    private let queue: StateQueue
    private let failed: @Sendable (StateFileError) -> Void
    private var chain: AuditChain
    /// The first entry that is kept.
    private var first: Int64
    private var byteCount: Int
    /// The flush that is due; nil: nothing was recorded since the head was last signed.
    private var flushing: Scheduled<Void>?
    /// What could not be written yet, and when that is tried again.
    private var waiting: [Entry] = []
    private var retry: Scheduled<Void>?
    /// How many events were lost because too many waited.
    private var lostCount = 0
    /// The file of ``AuditPending``, once it was needed.
    private var pending: StateFile?

    /// Whether the node has recorded nothing yet, or nothing but what a former version has.
    package let isNew: Bool

    /// How long a line may wait for the signed head and the disk.
    private static let flushDelay = TimeAmount.seconds(1)
    /// How long events wait that could not be written, and how many at most.
    private static let retryDelay = TimeAmount.seconds(1)
    private static let waitingLimit = 16_384

    /// Opens the log at `path`, which ``begin(path:by:)`` has begun, and verifies it, without the parts that are
    /// closed. A half-written last line is cut off. `failed` hears, on the queue, when an event could not be written.
    package init(
        path: String,
        identity: NodeIdentity,
        queue: StateQueue,
        limits: AuditLimits = .defaults,
        failed: @escaping @Sendable (StateFileError) -> Void
    ) throws(AuditError) {
        let end = try AuditVerifier(path: path, owner: .node(identity)).end()
        do throws(StateFileError) {
            file = try StateFile(path: path)
            try file.lock()
            if end.byteCount < end.fileByteCount { try file.truncate(to: end.byteCount) }
        } catch {
            throw .unusable(error)
        }
        chain = AuditChain(after: end.verified.head, key: ChainKey(of: identity, for: .audit))
        isNew = end.verified.head == .empty || !end.seal.isFollowedBySeals
        first = end.seal.first ?? end.firstKept
        byteCount = end.byteCount
        segments = AuditSegments(path: path)
        headPath = AuditSegments.headPath(of: path)
        self.limits = limits
        self.identity = identity
        self.queue = queue
        self.failed = failed
    }

    /// Appends `event`, which happened at `time`.
    package func record(_ event: AuditEvent, at time: Timestamp) {
        queue.run { self.append(event, at: time) }
    }

    package func whenRecorded(_ then: @escaping @Sendable () -> Void) {
        queue.run(then)
    }

    /// An event and when it happened.
    package typealias Entry = (event: AuditEvent, time: Timestamp)

    /// On the queue: does `write`, which writes the line of a journal that ends at `journal`, and appends `entries`
    /// behind it. A process that ends in between has them in its trail all the same, by ``complete(behind:)``, if the
    /// line was written.
    func record<Written>(_ entries: [Entry], behind journal: ChainHead, _ write: () -> Written) -> Written {
        queue.eventLoop.preconditionInEventLoop()
        guard !entries.isEmpty else { return write() }
        let (text, _, count) = lines(waiting + entries)
        do throws(StateFileError) {
            let content = AuditPending.content(text, count: count, behind: journal)
            if pending == nil { pending = try StateFile(path: AuditPending.path(of: segments.path)) }
            try pending?.truncate(to: 0)
            try pending?.write(content, at: 0)
        } catch {
            failed(error)
        }
        defer { self.write(entries) }
        return write()
    }

    /// Appends what was to follow the last line of the journal, which ends at `journal` now, where the process before
    /// ended between that line and the trail. Before anything is recorded.
    package func complete(behind journal: ChainHead) throws(StateFileError) {
        guard let pending = try AuditPending(of: segments.path), pending.journal != journal.hash else { return }
        var next = chain
        for line in pending.missing(behind: chain.head) {
            var following = next
            guard let seal = try? following.verify(line: line), following.isSealed(seal) else { break }
            try file.write(line + [UInt8(ascii: "\n")], at: byteCount)
            byteCount += line.count + 1
            next = following
        }
        chain = next
    }

    /// The lines recorded at `since` or later; nil: all. Told on `loop`; fails with ``StateFileError``.
    package func lines(since: Timestamp?, on loop: any EventLoop) -> EventLoopFuture<[String]> {
        queue.run(on: loop) { try Self.lines(path: self.segments.path, since: since) }
    }

    /// Brings everything recorded before to the disk, under a signed head, lets go of the file, and tells on `loop`
    /// when that is done.
    package func close(on loop: any EventLoop) -> EventLoopFuture<Void> {
        queue.run(on: loop) {
            self.retry?.cancel()
            self.write([])
            self.flush()
            self.file.unlock()
        }
    }

    private func append(_ event: AuditEvent, at time: Timestamp) {
        write([(event, time)])
    }

    /// Writes what waits and `entries`, or lets them wait.
    private func write(_ entries: [Entry]) {
        let all = waiting + entries + lost(at: (entries.last ?? waiting.last)?.time)
        guard !all.isEmpty else { return }
        let (text, next, _) = lines(all)
        do throws(StateFileError) {
            try file.write(text, at: byteCount)
        } catch {
            return wait(for: entries, error)
        }
        waiting = []
        lostCount = 0
        chain = next
        byteCount += text.count
        if flushing == nil { flushing = queue.eventLoop.scheduleTask(in: Self.flushDelay) { self.flush() } }
        guard byteCount >= limits.segmentByteCount else { return }
        do throws(StateFileError) { try rotate() } catch { failed(error) }
    }

    private func wait(for entries: [Entry], _ error: StateFileError) {
        if waiting.isEmpty { failed(error) }
        let room = Self.waitingLimit - waiting.count
        waiting += entries.prefix(room)
        lostCount += max(entries.count - room, 0)
        if retry == nil {
            retry = queue.eventLoop.scheduleTask(in: Self.retryDelay) {
                self.retry = nil
                self.write([])
            }
        }
    }

    /// The entry that says how many were lost; none when none were.
    private func lost(at time: Timestamp?) -> [Entry] {
        guard lostCount > 0, let time else { return [] }
        let event = AuditEvent(
            .lost,
            actor: identity.key,
            subject: identity.key.did,
            new: ["events": .integer(Int64(lostCount))]
        )
        return [(event, time)]
    }

    /// What `entries` are in the trail, each line with its line feed, and where it ends then.
    private func lines(_ entries: [Entry]) -> (text: [UInt8], next: AuditChain, count: Int) {
        var next = chain
        var lines = byteCount == 0 && chain.head != .empty ? [next.append(continuation, at: entries[0].time)] : []
        for entry in entries { lines.append(next.append(entry.event, at: entry.time)) }
        return (Array(lines.map { $0 + "\n" }.joined().utf8), next, lines.count)
    }

    /// The entry with which a further file begins.
    private var continuation: AuditEvent {
        let seal = AuditSeal.document(of: chain.head, first: first, signedBy: identity)
        return AuditEvent(.continued, actor: identity.key, subject: identity.key.did, new: seal)
    }

    /// Closes the file and begins another; the next entry is its first.
    private func rotate() throws(StateFileError) {
        try seal()
        try segments.close(last: chain.head.sequence)
        let next = try StateFile(path: segments.path)
        try next.lock()
        file = next
        byteCount = 0
        try segments.compress()
        let excess = segments.excess(over: limits.archivedByteCount)
        guard let last = excess.map(\.last).max() else { return }
        // The head says that parts are gone before they are.
        first = last + 1
        try seal()
        for segment in excess { segments.remove(segment) }
    }

    private func flush() {
        guard flushing != nil else { return }
        do throws(StateFileError) {
            try seal()
        } catch {
            failed(error)
            flushing = queue.eventLoop.scheduleTask(in: Self.retryDelay) { self.flush() }
        }
    }

    /// Signs the head and brings log and head to the disk.
    private func seal() throws(StateFileError) {
        flushing.take()?.cancel()
        try file.synchronize()
        try Self.sign(chain.head, first: first, by: identity, at: headPath)
    }

    private static func sign(
        _ head: ChainHead,
        first: Int64,
        by identity: NodeIdentity,
        at path: String
    ) throws(StateFileError) {
        let seal = AuditSeal.document(of: head, first: first, signedBy: identity)
        try StateFile.replace(path, with: seal.canonicalBytes + [UInt8(ascii: "\n")], isDurable: true)
    }
}

extension AuditFile {
    /// The lines of the log at `path`, with the parts that are kept, recorded at `since` or later; nil: all.
    package static func lines(path: String, since: Timestamp?) throws(StateFileError) -> [String] {
        let segments = AuditSegments(path: path)
        var found: [String] = []
        for segment in segments.all() { found += lines(of: try segments.read(segment), since: since) }
        guard SystemFile.size(of: path) != nil else { return found }
        return found + lines(of: try StateFile(reading: path).readAll(), since: since)
    }

    private static func lines(of bytes: [UInt8], since: Timestamp?) -> [String] {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        guard let since else { return lines }
        return lines.filter { line in
            guard let text = (try? JSONValue(parsing: line))?["time"]?.string else { return false }
            return Timestamp(text).map { $0 >= since } ?? false
        }
    }
}

extension AuditFile {
    /// Begins the trail of `identity` at `path`, unless anything of one is there. Only for a node that has never run:
    /// of any other the signed head must be there, or it cannot be told whether entries were removed.
    package static func begin(path: String, by identity: NodeIdentity) throws(StateFileError) {
        let headPath = AuditSegments.headPath(of: path)
        guard AuditSegments(path: path).present.isEmpty, SystemFile.size(of: headPath) == nil else { return }
        try sign(.empty, first: 1, by: identity, at: headPath)
    }

    /// What became of a broken trail.
    package struct Restarted: Hashable, Sendable {
        /// What was wrong with it, in words.
        package let found: String
        /// The directory where it lies; nil: nothing of it was left.
        package let keptAt: String?
        /// The entry with which the new one begins.
        package let sequence: Int64
    }

    /// Begins a new trail of `identity` at `path` in the place of one that is broken. Its first entry says what was
    /// found; it goes on after the highest number that is known. Returns nil, and changes nothing, when the trail is
    /// intact. Nobody has it open.
    ///
    /// When the process ends on the way, what is there is broken, and this is done again.
    package static func restart(
        path: String,
        identity: NodeIdentity,
        at time: Timestamp
    ) throws(StateFileError) -> Restarted? {
        let verifier = AuditVerifier(path: path, owner: .node(identity))
        guard case .broken(let fault, let part) = try verifier.verdict() else { return nil }
        let found = fault.description + (part.map { ", in \($0)" } ?? "")
        let base = verifier.highestKnown()
        let segments = AuditSegments(path: path)
        let keptAt = try segments.setAside()
        let old: JSONValue = ["found": .string(found), "kept": keptAt.map { .string($0) } ?? .null]
        let event = AuditEvent(
            .restarted,
            actor: identity.key,
            subject: identity.key.did,
            old: old,
            new: AuditSeal.document(of: base, first: base.sequence + 1, signedBy: identity)
        )
        var chain = AuditChain(after: base, key: ChainKey(of: identity, for: .audit))
        try StateFile.replace(path, with: Array((chain.append(event, at: time) + "\n").utf8), isDurable: true)
        let headPath = AuditSegments.headPath(of: path)
        try sign(chain.head, first: base.sequence + 1, by: identity, at: headPath)
        return Restarted(found: found, keptAt: keptAt, sequence: chain.head.sequence)
    }
}
