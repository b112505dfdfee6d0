import Logging
import PosternModel
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What of the log may change while the process runs.
final class LogSwitch: Sendable {
    private let current: Mutex<Logger.Level>

    init(level: Logger.Level) {
        current = Mutex(level)
    }

    /// The least severe lines that are written.
    var level: Logger.Level {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
}

/// Writes each entry as one line on standard error: text for people, or a JSON object.
struct LineLogHandler: LogHandler {
    private let label: String
    private let isJSON: Bool
    private let levels: LogSwitch
    private let writer: LogWriter
    var metadata: Logger.Metadata = [:]

    init(label: String, isJSON: Bool, levels: LogSwitch, writer: LogWriter) {
        self.label = label
        self.isJSON = isJSON
        self.levels = levels
        self.writer = writer
    }

    /// What writes the lines of a program whose log looks like this.
    static func writer(isJSON: Bool) -> LogWriter {
        LogWriter { level, message, metadata in
            text(level, message, metadata, isJSON: isJSON, at: .now)
        }
    }

    var logLevel: Logger.Level {
        get { levels.level }
        set { levels.level = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let kind = LogLimiter.Kind(
            level: event.level,
            message: event.message.description,
            metadata: event.metadata ?? [:]
        )
        writer.append(kind) { line(for: event, at: .now) }
    }

    /// The line that says what happened at `time`.
    func line(for event: LogEvent, at time: Timestamp) -> String {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        return Self.text(event.level, event.message.description, all, isJSON: isJSON, at: time)
    }

    private static func text(
        _ level: Logger.Level,
        _ message: String,
        _ metadata: Logger.Metadata,
        isJSON: Bool,
        at time: Timestamp
    ) -> String {
        let all = metadata.sorted { $0.key < $1.key }
        if isJSON {
            var object = JSONObject()
            object["time"] = .string(time.description)
            object["level"] = .string(level.rawValue)
            object["message"] = .string(message)
            for (key, value) in all where object[key] == nil { object[key] = .string(value.description) }
            return JSONValue.object(object).compactText
        }
        let details = all.map { " \($0.key)=\(oneLine($0.value.description))" }.joined()
        return "\(time) \(level.rawValue.uppercased()) \(oneLine(message))\(details)"
    }

    /// What strangers wrote may stand in an entry; it stays on its line.
    private static func oneLine(_ text: String) -> String { PlainText.clean(text, limit: 4_096) }
}

extension Timestamp {
    /// The time of this machine, in milliseconds.
    static var now: Timestamp {
        var time = timespec()
        guard clock_gettime(CLOCK_REALTIME, &time) == 0 else {
            preconditionFailure("every system of ours has a real-time clock")
        }
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)).inMilliseconds
    }
}

extension Logger.Level {
    /// The level that the configuration calls `name`.
    init(configured name: String) {
        self = Logger.Level(rawValue: name) ?? .info
    }
}
