import Foundation
import Logging

/// Writes the log on a thread of its own, so that nobody waits for whoever reads it. When too many lines wait the
/// newest are dropped and counted.
final class LogWriter: @unchecked Sendable {  // everything that changes is under the condition's lock
    private let condition = NSCondition()
    private let write: @Sendable (String) -> Void
    private let format: @Sendable (Logger.Level, String, Logger.Metadata) -> String
    private var waiting: [String] = []
    private var byteCount = 0
    private var dropped = 0
    private var isWriting = false
    private var limiter = LogLimiter()
    private var lastLines: [String] = []

    /// Bytes of lines that wait.
    private static let limit = 1 << 20
    /// Lines that are kept for the status page.
    private static let tailLimit = 200
    /// How often it is looked whether a minute of the limiter is over.
    private static let interval: TimeInterval = 5

    /// - Parameters:
    ///   - write: writes a line; may block.
    ///   - format: the line of an entry, for what the writer itself has to say.
    init(
        write: @escaping @Sendable (String) -> Void = { Console.complain($0) },
        format: @escaping @Sendable (Logger.Level, String, Logger.Metadata) -> String
    ) {
        self.write = write
        self.format = format
        let thread = Thread { [weak self] in
            while let next = self?.next() { next() }
        }
        thread.name = "log"
        thread.start()
    }

    /// Has the line of an entry of `kind` written, soon; `line` makes it if it is. Nil: every line is written.
    func append(_ kind: LogLimiter.Kind?, line: () -> String) {
        if let kind {
            let isAdmitted = condition.withLock { limiter.admit(kind, at: .now) }
            guard isAdmitted else { return }
        }
        let text = line()
        condition.withLock {
            guard byteCount + text.utf8.count <= Self.limit else {
                dropped += 1
                return
            }
            waiting.append(text)
            byteCount += text.utf8.count
            condition.signal()
        }
    }

    /// The lines that were written last, the oldest first.
    var tail: [String] { condition.withLock { lastLines } }

    /// Writes a line that is no entry of the log.
    func append(line: String) { append(nil) { line } }

    /// Returns when everything was written, or when nobody took it for so long.
    func drain(within seconds: TimeInterval) {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.withLock {
            while !waiting.isEmpty || isWriting {
                guard condition.wait(until: deadline) else { return }
            }
        }
    }

    /// Waits for lines, and returns what writes them.
    private func next() -> () -> Void {
        let lines = condition.withLock {
            isWriting = false
            condition.broadcast()
            if waiting.isEmpty { _ = condition.wait(until: Date(timeIntervalSinceNow: Self.interval)) }
            tellDropped()
            if !waiting.isEmpty { lastLines = Array((lastLines + waiting).suffix(Self.tailLimit)) }
            defer {
                waiting = []
                byteCount = 0
                isWriting = true
            }
            return waiting
        }
        let write = write
        return { for line in lines { write(line) } }
    }

    private func tellDropped() {
        for (kind, count) in limiter.finish(at: .now) {
            let subject = Logger.Metadata(uniqueKeysWithValues: kind.subject.map { ($0.key, .string($0.value)) })
            waiting.append(format(kind.level, "\(kind.message): and \(count) more in a minute", subject))
        }
        guard dropped > 0 else { return }
        waiting.append(format(.warning, "\(dropped) lines of the log were dropped: nobody read them in time", [:]))
        dropped = 0
    }
}
