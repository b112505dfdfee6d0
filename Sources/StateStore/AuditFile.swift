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
    private var byteCount: Int
    /// The flush that is due; nil: nothing was recorded since the head was last signed.
    private var flushing: Scheduled<Void>?

    /// How long a line may wait for the signed head and the disk.
    private static let flushDelay = TimeAmount.seconds(1)

    /// Opens or makes the log at `path` and verifies it, without the parts that are closed. A half-written last line is
    /// cut off; any other fault throws, with the line in the message. `failed` hears, on the queue, when an event could
    /// not be written.
    package init(
        path: String,
        identity: NodeIdentity,
        queue: StateQueue,
        limits: AuditLimits = .defaults,
        failed: @escaping @Sendable (StateFileError) -> Void
    ) throws(StateFileError) {
        file = try StateFile(path: path)
        try file.lock()
        segments = AuditSegments(path: path)
        self.limits = limits
        headPath = Self.headPath(of: path)
        self.identity = identity
        self.queue = queue
        self.failed = failed
        let bytes = try file.readAll()
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        if whole < bytes.count { try file.truncate(to: whole) }
        byteCount = whole
        // Where the process ended between two files, the closed one ends with the signed head.
        let closed = whole == 0 ? segments.all().last : nil
        let text = try closed.map { segment throws(StateFileError) in try AuditSegments(path: path).read(segment) }
        switch try Self.verify(text ?? Array(bytes[..<whole]), after: nil, headPath: headPath, owner: identity.key) {
        case .intact(let head): chain = AuditChain(after: head)
        case .broken(let fault, _):
            let message = "the audit trail is broken at \(fault); move it away to begin a new one"
            throw StateFileError(path: path, operation: "verify", errorNumber: nil, message: message)
        }
    }

    /// Appends `event`, which happened at `time`.
    package func record(_ event: AuditEvent, at time: Timestamp) {
        queue.run { self.append(event, at: time) }
    }

    package func whenRecorded(_ then: @escaping @Sendable () -> Void) {
        queue.run(then)
    }

    /// The lines recorded at `since` or later; nil: all. Told on `loop`; fails with ``StateFileError``.
    package func lines(since: Timestamp?, on loop: any EventLoop) -> EventLoopFuture<[String]> {
        queue.run(on: loop) { try Self.lines(path: self.segments.path, since: since) }
    }

    /// Brings everything recorded before to the disk, under a signed head, lets go of the file, and tells on `loop`
    /// when that is done.
    package func close(on loop: any EventLoop) -> EventLoopFuture<Void> {
        queue.run(on: loop) {
            self.flush()
            self.file.unlock()
        }
    }

    private func append(_ event: AuditEvent, at time: Timestamp) {
        var next = chain
        var text = ""
        if byteCount == 0, chain.head != .empty { text += next.append(continuation, at: time) + "\n" }
        text += next.append(event, at: time) + "\n"
        let line = Array(text.utf8)
        do throws(StateFileError) {
            try file.write(line, at: byteCount)
            chain = next
            byteCount += line.count
            if flushing == nil { flushing = queue.eventLoop.scheduleTask(in: Self.flushDelay) { self.flush() } }
            if byteCount >= limits.segmentByteCount { try rotate() }
        } catch {
            failed(error)
        }
    }

    /// The entry with which a further file begins.
    private var continuation: AuditEvent {
        let seal = try? JSONValue(parsing: AuditSeal.document(of: chain.head, signedBy: identity))
        return AuditEvent(.continued, actor: identity.key, subject: identity.key.did, new: seal ?? .null)
    }

    /// Closes the file and begins another; the next entry is its first.
    private func rotate() throws(StateFileError) {
        try seal()
        try segments.close(last: chain.head.sequence)
        let next = try StateFile(path: segments.path)
        try next.lock()
        file = next
        byteCount = 0
        try segments.tidy(keeping: limits.archivedByteCount)
    }

    private func flush() {
        guard flushing != nil else { return }
        do throws(StateFileError) { try seal() } catch { failed(error) }
    }

    /// Signs the head and brings log and head to the disk.
    private func seal() throws(StateFileError) {
        flushing.take()?.cancel()
        try file.synchronize()
        let seal = AuditSeal.document(of: chain.head, signedBy: identity)
        try StateFile.replace(headPath, with: Array((seal + "\n").utf8), isDurable: true)
    }
}

extension AuditFile {
    /// What a check of a log says.
    package enum Verdict: Hashable, Sendable {
        /// Every line follows from the one before it, and the signed head is reached.
        case intact(AuditHead)
        /// The first line that does not, of the file at the path, or of the current one.
        case broken(AuditFault, in: String? = nil)
    }

    /// Checks the log at `path` with the parts that are kept and its head, without changing anything. A line that is
    /// being written is not looked at. `owner` is whose signature the heads must have; nil: anybody's.
    package static func verify(path: String, owner: NodeKey?) throws(StateFileError) -> Verdict {
        let segments = AuditSegments(path: path)
        var base: AuditHead?
        for segment in segments.all() {
            do throws(AuditFault) {
                let text = try read(segment, of: segments)
                base = try AuditChain.verify(text, after: try Self.base(of: text, behind: base, owner: owner))
            } catch {
                return .broken(error, in: segment.path)
            }
        }
        let bytes = try StateFile(path: path).readAll()
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return try verify(Array(bytes[..<whole]), after: base, headPath: headPath(of: path), owner: owner)
    }

    /// The lines of the log at `path`, with the parts that are kept, recorded at `since` or later; nil: all.
    package static func lines(path: String, since: Timestamp?) throws(StateFileError) -> [String] {
        let segments = AuditSegments(path: path)
        var found: [String] = []
        for segment in segments.all() { found += lines(of: try segments.read(segment), since: since) }
        return found + lines(of: try StateFile(path: path).readAll(), since: since)
    }

    /// A part that cannot be read is broken at its first line.
    private static func read(_ segment: AuditSegments.Segment, of segments: AuditSegments) throws(AuditFault) -> [UInt8]
    {
        do throws(StateFileError) {
            return try segments.read(segment)
        } catch {
            throw AuditFault(line: 1, reason: .notAnEntry)
        }
    }

    /// What a file follows: the file before it, or where that is gone what its first line names.
    private static func base(
        of text: [UInt8],
        behind earlier: AuditHead?,
        owner: NodeKey?
    ) throws(AuditFault) -> AuditHead {
        if let earlier { return earlier }
        guard let first = text.split(separator: UInt8(ascii: "\n"), maxSplits: 1).first else { return .empty }
        do {
            return try AuditChain.base(ofPartBeginningWith: Array(first), owner: owner)
        } catch {
            throw AuditFault(line: 1, reason: error)
        }
    }

    private static func headPath(of path: String) -> String { path + ".head" }

    private static func verify(
        _ bytes: [UInt8],
        after earlier: AuditHead?,
        headPath: String,
        owner: NodeKey?
    ) throws(StateFileError) -> Verdict {
        let seal = try StateFile(path: headPath).readAll()
        var signed: AuditHead?
        if !seal.isEmpty {
            guard let (head, signer) = try? AuditSeal.verify(seal), owner.map({ $0 == signer }) ?? true else {
                return .broken(AuditFault(line: 1, reason: .wrongHead))
            }
            signed = head
        }
        do throws(AuditFault) {
            let base = try Self.base(of: bytes, behind: earlier, owner: owner)
            return .intact(try AuditChain.verify(bytes, after: base, head: signed))
        } catch {
            return .broken(error)
        }
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
