/// Why PostgreSQL did not do what it was asked. Nothing in it tells a password.
struct PostgresError: Error, Hashable, CustomStringConvertible {
    /// The SQLSTATE of what the server refused (PostgreSQL 15, appendix A); nil: there is no connection.
    let state: String?
    let description: String

    /// Whether the same transaction can succeed when it is tried again, over what it finds then.
    var isRetryable: Bool {
        switch state {
        // serialization_failure, deadlock_detected
        case "40001", "40P01": true
        // unique_violation: another transaction has added the same row, which this one could not see.
        case "23505": true
        case _: false
        }
    }

    /// Whether the connection is of no more use. The server ends connections with states of class 57P.
    var isLost: Bool { state.map { $0.hasPrefix("57P") || $0.hasPrefix("08") } ?? true }

    static func lost(_ reason: String) -> PostgresError { PostgresError(state: nil, description: reason) }
}
