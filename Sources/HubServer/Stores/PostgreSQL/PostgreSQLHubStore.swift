import Foundation
import HubCore
import PosternModel

/// A hub's store in PostgreSQL 15 or newer, which several hubs may share.
///
/// A transaction takes a whole batch in two round trips: what it reads is asked for at once, and what it writes goes
/// with the commit. One that met another hub's transaction is taken again, over what it finds then. While there is
/// no connection every transaction fails at once, and about once a second the next one tries to connect.
///
/// What libpq waits for ends after seconds (``PostgresConnection``); the thread that calls is the hub's worker, never
/// an event loop.
final class PostgreSQLHubStore: HubStore, @unchecked Sendable {
    // Unchecked: one thread at a time uses it, since one worker owns it (``HubWorker``).
    private let place: PostgresPlace
    private let hub: NodeKey
    private let states = NetworkStateCache()
    private var connection: PostgresConnection?
    private var failure = PostgresError.lost("there was no attempt to connect yet")
    private var nextAttempt = ContinuousClock.now
    private var delay = shortestDelay

    private static let shortestDelay = Duration.milliseconds(100)
    private static let longestDelay = Duration.seconds(1)
    /// How often one batch is tried before it is given up.
    private static let attemptCount = 20

    /// Connects to the database of the hub with `key`, and makes its tables or brings them up to date. The hubs of one
    /// database hash what they store with the same secret, that of `tags`.
    init(_ place: PostgresPlace, of key: NodeKey, tags: HubTags) throws(HubDatabaseFailure) {
        self.place = place
        hub = key
        let secret: [UInt8]
        do throws(PostgresError) {
            let connection = try connected()
            secret = try connection.run([.init(.setSecret, PostgresValue(tags.check))])[0].first?.bytes(0) ?? []
        } catch {
            throw HubDatabaseFailure(error)
        }
        guard secret == tags.check else { throw .secret }
    }

    func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws {
        // What depends on nothing and changes nothing needs no database.
        if reads == HubReads(), decide(HubFacts()).isEmpty { return }
        var attempts = 0
        while true {
            let wasConnected = connection != nil
            do {
                return try attempt(reads, decide)
            } catch let error as PostgresError {
                attempts += 1
                // After a lost connection nobody knows whether the commit arrived. The batch may be taken twice: what
                // is there already is found the second time.
                let isWorthwhile = error.isLost ? wasConnected : recovers(from: error)
                guard isWorthwhile, attempts < Self.attemptCount else { throw error }
                if !error.isLost { pause(attempts) }
            } catch {
                rollBack()
                throw error
            }
        }
    }

    private func attempt(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws {
        do {
            let connection = try connected()
            let reader = PostgreSQLHubReader(reads, states)
            let results = try connection.run([.init(.begin)] + reader.calls)
            let writes = decide(try reader.facts(from: results.dropFirst()))
            _ = try connection.run(writes.flatMap { $0.calls(of: hub) } + [.init(.commit)])
        } catch let error as PostgresError where error.isLost {
            disconnect(error)
            throw error
        }
    }

    /// Leaves the transaction that failed; true when another attempt may succeed.
    private func recovers(from error: PostgresError) -> Bool {
        rollBack()
        return error.isRetryable
    }

    private func rollBack() {
        do throws(PostgresError) {
            _ = try connection?.run([.init(.rollback)])
        } catch {
            disconnect(error)
        }
    }

    /// Waits a moment, each time a longer one, so that two hubs do not meet again and again.
    private func pause(_ attempts: Int) {
        let most = min(50_000, 500 << min(attempts, 7))
        usleep(UInt32.random(in: 0...UInt32(most)))
    }

    private func disconnect(_ error: PostgresError) {
        connection = nil
        failure = error
    }

    private func connected() throws(PostgresError) -> PostgresConnection {
        if let connection { return connection }
        guard ContinuousClock.now >= nextAttempt else { throw failure }
        do throws(PostgresError) {
            let connection = try PostgresConnection(place)
            try PostgreSQLHubSchema.prepare(connection, of: hub)
            self.connection = connection
            delay = Self.shortestDelay
            return connection
        } catch {
            failure = error
            nextAttempt = ContinuousClock.now + delay
            delay = min(delay * 2, Self.longestDelay)
            throw error
        }
    }
}

/// Why a hub cannot begin on a database.
package enum HubDatabaseFailure: Error, Hashable {
    /// It cannot be reached, or refuses what the hub needs.
    case unusable(String)
    /// A newer version of the program has made its tables.
    case newer(version: Int)
    /// Its hubs share another secret.
    case secret
    /// Another hub with the same key runs on it.
    case keyTaken

    init(_ error: PostgresError) {
        guard let version = PostgreSQLHubSchema.newerVersion(in: error) else {
            self = .unusable(error.description)
            return
        }
        self = .newer(version: version)
    }
}
