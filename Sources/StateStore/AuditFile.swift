package import NIOCore
package import OverlayCrypto
package import PosternModel
package import TrustCore

/// The audit trail in a file of hash-chained JSON lines, with a signed head beside it (DESIGN §10).
///
/// Lines are written on the queue in the order in which they are recorded, and are with the system then, so the end of
/// the process loses none of them. A second later the head is signed and both are brought to the disk; ``close(on:)``
/// does that at once.
///
/// All that changes is confined to the loop of the queue once the file is open, hence the unchecked conformance.
package final class AuditFile: AuditTrail, @unchecked Sendable {
    private let file: StateFile
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

    /// Opens or makes the log at `path` and verifies it. A half-written last line is cut off; any other fault throws,
    /// with the line in the message. `failed` hears, on the queue, when an event could not be written.
    package init(
        path: String,
        identity: NodeIdentity,
        queue: StateQueue,
        failed: @escaping @Sendable (StateFileError) -> Void
    ) throws(StateFileError) {
        file = try StateFile(path: path)
        try file.lock()
        headPath = Self.headPath(of: path)
        self.identity = identity
        self.queue = queue
        self.failed = failed
        let bytes = try file.readAll()
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        if whole < bytes.count { try file.truncate(to: whole) }
        byteCount = whole
        switch try Self.verify(Array(bytes[..<whole]), headPath: headPath, owner: identity.key) {
        case .intact(let head): chain = AuditChain(after: head)
        case .broken(let fault):
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
        queue.run(on: loop) { try Self.lines(of: try self.file.readAll(), since: since) }
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
        let line = Array((next.append(event, at: time) + "\n").utf8)
        do throws(StateFileError) {
            try file.write(line, at: byteCount)
            chain = next
            byteCount += line.count
            guard flushing == nil else { return }
            flushing = queue.eventLoop.scheduleTask(in: Self.flushDelay) { self.flush() }
        } catch {
            failed(error)
        }
    }

    /// Signs the head and brings log and head to the disk.
    private func flush() {
        guard let due = flushing.take() else { return }
        due.cancel()
        do throws(StateFileError) {
            try file.synchronize()
            let seal = AuditSeal.document(of: chain.head, signedBy: identity)
            try StateFile.replace(headPath, with: Array((seal + "\n").utf8), isDurable: true)
        } catch {
            failed(error)
        }
    }
}

extension AuditFile {
    /// What a check of a log says.
    package enum Verdict: Hashable, Sendable {
        /// Every line follows from the one before it, and the signed head is reached.
        case intact(AuditHead)
        /// The first line that does not.
        case broken(AuditFault)
    }

    /// Checks the log at `path` and its head, without changing anything. A line that is being written is not looked at.
    /// `owner` is whose signature the head must have; nil: anybody's.
    package static func verify(path: String, owner: NodeKey?) throws(StateFileError) -> Verdict {
        let bytes = try StateFile(path: path).readAll()
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return try verify(Array(bytes[..<whole]), headPath: headPath(of: path), owner: owner)
    }

    /// The lines of the log at `path` recorded at `since` or later; nil: all.
    package static func lines(path: String, since: Timestamp?) throws(StateFileError) -> [String] {
        try lines(of: try StateFile(path: path).readAll(), since: since)
    }

    private static func headPath(of path: String) -> String { path + ".head" }

    private static func verify(
        _ bytes: [UInt8],
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
        do {
            return .intact(try AuditChain.verify(bytes, head: signed))
        } catch {
            return .broken(error)
        }
    }

    private static func lines(of bytes: [UInt8], since: Timestamp?) throws(StateFileError) -> [String] {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        guard let since else { return lines }
        return lines.filter { line in
            guard let text = (try? JSONValue(parsing: line))?["time"]?.string else { return false }
            return Timestamp(text).map { $0 >= since } ?? false
        }
    }
}
