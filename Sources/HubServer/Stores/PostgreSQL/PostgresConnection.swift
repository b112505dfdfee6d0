import CPostgres
import Foundation

/// One connection to PostgreSQL, over libpq's non-blocking calls: each call here ends at its deadline, whatever the
/// server or the network does. Used by one thread at a time; of no more use once it has thrown an error that is
/// ``PostgresError/isLost``.
final class PostgresConnection {
    /// A prepared statement with its parameters.
    struct Call: Sendable {
        let statement: String
        let values: [PostgresValue]

        init(_ statement: PostgresStatement, _ values: PostgresValue...) {
            self.statement = statement.rawValue
            self.values = values
        }

        init(_ command: PostgresCommand) {
            statement = command.name
            values = []
        }
    }

    private let handle: OpaquePointer

    /// How long a connection may take, and how long the answers to what is sent at once.
    private static let patience = Duration.seconds(3)
    private static let answerPatience = Duration.seconds(5)

    /// Connects to the server that `place` names, and makes ready what every connection needs. The statements of the
    /// hub's tables are not prepared yet.
    init(_ place: PostgresPlace) throws(PostgresError) {
        guard postgres_load(), let handle = postgres_connect(place.url) else {
            throw .lost("libpq is not there; install the package libpq5, version 14 or newer")
        }
        self.handle = handle
        let deadline = ContinuousClock.now + Self.patience
        var step = postgres_step_write
        while step != postgres_step_done {
            guard step != postgres_step_failed else { throw failure() }
            try wait(forReading: step == postgres_step_read, writing: step == postgres_step_write, until: deadline)
            step = postgres_connect_poll(handle)
        }
        guard postgres_begin_pipelines(handle) else { throw failure() }
        let host = postgres_host(handle).map { String(cString: $0) } ?? ""
        guard place.mayBePlain || postgres_is_encrypted(handle) || PostgresPlace.isLocal(host) else {
            throw .lost(
                "the connection to \(host) is not encrypted: add sslmode=verify-full to the URL, or allow it with "
                    + "`database: {url: …, insecure: true}`"
            )
        }
        try prepare(PostgresCommand.begin, .commit, .rollback)
    }

    deinit { postgres_finish(handle) }

    /// The descriptor, which can be read when something has arrived.
    var descriptor: Int32 { postgres_socket(handle) }

    /// Prepares statements without parameters of their own.
    func prepare(_ commands: PostgresCommand...) throws(PostgresError) {
        for command in commands {
            guard postgres_send_prepare(handle, command.name, command.sql) else { throw failure() }
        }
        _ = try finish(count: commands.count)
    }

    /// Prepares the statements of the hub's tables, which have to be there.
    func prepareStatements() throws(PostgresError) {
        for statement in PostgresStatement.allCases {
            guard postgres_send_prepare(handle, statement.rawValue, statement.sql) else { throw failure() }
        }
        _ = try finish(count: PostgresStatement.allCases.count)
    }

    /// Sends all of `calls` at once (libpq's pipeline mode) and returns the rows of each. When one fails, those after
    /// it have not been carried out.
    func run(_ calls: [Call]) throws(PostgresError) -> [[PostgresRow]] {
        for call in calls where !send(call) { throw failure() }
        return try finish(count: calls.count)
    }

    /// Runs one SQL command that no parameter belongs to.
    func run(_ sql: String) throws(PostgresError) -> [PostgresRow] {
        guard postgres_send_prepare(handle, "", sql), postgres_send(handle, "", 0, nil, nil) else { throw failure() }
        return try finish(count: 2)[1]
    }

    /// Waits until something arrives, `time` at most. Returns whether there was a notification.
    func awaitNotification(for time: Duration) throws(PostgresError) -> Bool {
        if takeNotifications() { return true }
        var descriptor = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, time.milliseconds) > 0 else { return false }
        guard postgres_consume(handle), !postgres_is_broken(handle) else { throw failure() }
        return takeNotifications()
    }

    private func takeNotifications() -> Bool {
        var isAny = false
        while postgres_take_notification(handle) { isAny = true }
        return isAny
    }

    private func send(_ call: Call) -> Bool {
        // The zero behind the values keeps the pointer to an empty one from being null, which would mean NULL.
        let bytes = call.values.flatMap(\.bytes) + [0]
        return bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return false }
            var place = 0
            var pointers: [UnsafePointer<CChar>?] = []
            for value in call.values {
                pointers.append(start + place)
                place += value.bytes.count
            }
            let lengths = call.values.map { Int32($0.bytes.count) }
            return postgres_send(handle, call.statement, Int32(lengths.count), pointers, lengths)
        }
    }

    /// Ends what was sent, and takes the results of all of it. The first error that the server told is thrown once
    /// everything has been read, so that the connection can go on.
    private func finish(count: Int) throws(PostgresError) -> [[PostgresRow]] {
        guard postgres_send_sync(handle) else { throw failure() }
        let deadline = ContinuousClock.now + Self.answerPatience
        var results: [[PostgresRow]] = []
        var refusal: PostgresError?
        for _ in 0..<count {
            while let result = try nextResult(until: deadline) {
                defer { postgres_clear(result) }
                switch postgres_status(result) {
                case postgres_result_rows, postgres_result_done: results.append(Self.rows(of: result))
                case postgres_result_failed: refusal = refusal ?? Self.refusal(result)
                case _: break
                }
            }
        }
        guard let end = try nextResult(until: deadline) else { throw failure() }
        defer { postgres_clear(end) }
        if let refusal { throw refusal }
        guard postgres_status(end) == postgres_result_sync, results.count == count else { throw failure() }
        return results
    }

    private func nextResult(until deadline: ContinuousClock.Instant) throws(PostgresError) -> OpaquePointer? {
        while postgres_is_busy(handle) {
            let isLeft = postgres_flush(handle)
            guard isLeft >= 0 else { throw failure() }
            try wait(forReading: true, writing: isLeft == 1, until: deadline)
            guard postgres_consume(handle), !postgres_is_broken(handle) else { throw failure() }
        }
        return postgres_next_result(handle)
    }

    private func wait(
        forReading: Bool,
        writing: Bool,
        until deadline: ContinuousClock.Instant
    ) throws(PostgresError) {
        let left = deadline - ContinuousClock.now
        guard left > .zero else { throw .lost("PostgreSQL does not answer") }
        let events = (forReading ? POLLIN : 0) | (writing ? POLLOUT : 0)
        var descriptor = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        _ = poll(&descriptor, 1, left.milliseconds)
    }

    private func failure() -> PostgresError {
        let text = postgres_error(handle).map { String(cString: $0) } ?? ""
        let line = text.split(separator: "\n").joined(separator: " ")
        return .lost(line.isEmpty ? "the connection to PostgreSQL ended" : line)
    }

    private static func refusal(_ result: OpaquePointer) -> PostgresError {
        let message = postgres_message(result).map { String(cString: $0) } ?? "PostgreSQL refused a statement"
        return PostgresError(state: postgres_state(result).map { String(cString: $0) }, description: message)
    }

    private static func rows(of result: OpaquePointer) -> [PostgresRow] {
        let columns = postgres_column_count(result)
        return (0..<postgres_row_count(result)).map { row in
            PostgresRow(
                columns: (0..<columns).map { column in
                    guard !postgres_is_null(result, row, column), let value = postgres_value(result, row, column) else {
                        return nil
                    }
                    let count = Int(postgres_length(result, row, column))
                    return [UInt8](UnsafeRawBufferPointer(start: value, count: count))
                }
            )
        }
    }
}

extension Duration {
    /// Rounded up, for poll(2).
    fileprivate var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        return Int32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1)
    }
}
