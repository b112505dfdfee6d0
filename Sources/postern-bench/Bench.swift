/// One thing that can be measured.
struct Bench: Sendable {
    let name: String
    /// What it measures, in a line.
    let summary: String
    let run: @Sendable (Budget) throws -> [Measurement]

    static let all: [Bench] = [
        .aead, .packet, .stream, .rpc, .route, .relay, .http, .cold, .handshakes, .idle, .hubRegister, .hubLookup,
        .hubIdle, .allocations,
        .instructions,
    ]
}

/// How long a bench may take, and into how many rounds it divides the time.
struct Budget: Sendable {
    let seconds: Double
    /// A hub's store to measure with, a PostgreSQL database or a file of SQLite; nil: a new file.
    var database: String?
    /// A running hub to measure with.
    var hub: String?
    /// Enough for a median that one disturbed round does not move.
    let rounds = 5

    /// The time of one round when `parts` things are measured, in seconds.
    func perRound(parts: Int) -> Double {
        seconds / Double(rounds * parts)
    }

    /// Runs `round` once to warm up and then for each round.
    func sample(_ round: () throws -> Double) rethrows -> [Double] {
        _ = try round()
        return try (0..<rounds).map { _ in try round() }
    }
}

/// A bench that could not be run.
struct BenchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
