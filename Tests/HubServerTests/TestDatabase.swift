import Foundation
import OverlayCrypto
import PosternModel
import Testing

@testable import HubCore
@testable import HubServer

/// Debian's PostgreSQL, started for the tests in a directory of its own, without TCP. It stops when the tests' process
/// ends, whatever way that is: its shell waits for the end of a pipe.
final class TestDatabase: @unchecked Sendable {
    // Unchecked: nothing changes after `init` but the number, under its lock.
    private let folder: String
    private let shell = Process()
    private let input = Pipe()
    private let lock = NSLock()
    private var lastNumber = 0

    /// Nil where PostgreSQL is not installed.
    static let shared: TestDatabase? = programs.map { TestDatabase(programs: $0) }

    static let absence: Comment = "PostgreSQL is not installed (Debian: postgresql)"

    /// The directory of the latest version's programs.
    private static var programs: String? {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        return versions.compactMap(Int.init).max().map { "/usr/lib/postgresql/\($0)/bin" }
    }

    private init(programs: String) {
        folder = NSTemporaryDirectory() + "postern-pg-\(getpid())"
        let run = geteuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --clear-groups --" : ""
        let options = "-k \(folder) -c listen_addresses= -c fsync=off -c max_connections=60 -c logging_collector=off"
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = [
            "-c",
            """
            rm -rf \(folder)
            mkdir \(folder) && { [ -z "\(run)" ] || chown postgres \(folder); } && cd \(folder) || exit
            \(run) \(programs)/initdb -D data -A trust -U postgres -E UTF8 --locale=C -N >init.log 2>&1
            \(run) \(programs)/postgres -D data \(options) </dev/null >\(folder)/log 2>&1 &
            cat >/dev/null
            kill -QUIT $!
            wait
            rm -rf \(folder)
            """,
        ]
        shell.standardInput = input
        try? shell.run()
    }

    /// The URL of a database with nothing in it.
    func fresh() throws -> String {
        lock.lock()
        defer { lock.unlock() }
        lastNumber += 1
        let name = "t\(lastNumber)"
        _ = try connection(to: url(of: "postgres")).run("CREATE DATABASE \(name)")
        return url(of: name)
    }

    /// A connection to the server, which may still be starting.
    private func connection(to url: String) throws -> PostgresConnection {
        let limit = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try TestDatabase.connection(to: url)
            } catch {
                guard ContinuousClock.now < limit else { throw error }
                usleep(50_000)
            }
        }
    }

    static func connection(to url: String) throws -> PostgresConnection {
        try PostgresConnection(try #require(PostgresPlace(url)))
    }

    private func url(of name: String) -> String { "postgresql:///\(name)?host=\(folder)&user=postgres" }
}

extension PostgreSQLHubStore {
    /// A store over the database at `url`, of the hub with the seed `number`.
    static func open(_ url: String, hub number: UInt8 = 9) throws -> PostgreSQLHubStore {
        try PostgreSQLHubStore(try #require(PostgresPlace(url)), of: identity(number).key, tags: tags)
    }

    /// What the store says of `reads`.
    func facts(_ reads: HubReads) throws -> HubFacts {
        var found = HubFacts()
        try transaction(reads) { facts in
            found = facts
            return []
        }
        return found
    }
}
