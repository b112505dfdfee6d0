import Foundation
import HubCore
import PosternModel

/// What the hubs of one PostgreSQL database tell each other: each says every second that it serves, and hears what the
/// others have changed. `NOTIFY` wakes it; should one get lost, it looks every half second all the same. Its connection
/// holds a lock on the hub's key, so that of two hubs with one key the second notices.
final class HubFeed: @unchecked Sendable {
    // Unchecked: all state but `command` is confined to `queue`, and `command` to `commands`.

    /// What a hub is told.
    enum News: Hashable, Sendable {
        /// What others have changed.
        case notices([HubNotice])
        /// Which of them serve.
        case cluster(HubCluster)
        /// There was no connection for so long that notices are gone.
        case missed
        /// Another hub that runs has this one's key.
        case ownKeyTaken
        /// There is a connection again, or none any more and why.
        case connection(failure: String?)
    }

    /// What the hub wants.
    private struct Command {
        var url: HubURL?
        var isDraining = false
        var isStopped = false
    }

    private let place: PostgresPlace
    private let hub: NodeKey
    private let queue = DispatchQueue(label: "postern hub feed")
    private let commands = DispatchQueue(label: "postern hub feed commands")
    private var command = Command()

    private var connection: PostgresConnection?
    private var lastBeat: ContinuousClock.Instant?
    private var lastContact: ContinuousClock.Instant?
    /// How often this hub has said that it serves, as the database counts; a lower number is that of an older copy.
    private var beats: Int64 = 0
    private var incarnation: Int64?
    /// Changes up to this one have been told, and those that have been told beyond it.
    private var floor: Int64 = 0
    private var told: Set<Int64> = []
    private var failures = 0

    private static let pause = Duration.milliseconds(500)
    private static let beatInterval = Duration.seconds(1)
    /// Notices are kept for five minutes.
    private static let memory = Duration.seconds(240)

    /// The feed of the hub with `key`; it does nothing until ``start(as:told:)``.
    init(_ place: PostgresPlace, of key: NodeKey) {
        self.place = place
        hub = key
    }

    /// Takes the lock on the hub's key; false: another hub holds it. Waits a few seconds for one that has just ended.
    func claimKey() throws(HubDatabaseFailure) -> Bool {
        let limit = ContinuousClock.now + .seconds(4)
        do throws(PostgresError) {
            while true {
                if try connect() { return true }
                guard ContinuousClock.now < limit else { return false }
                usleep(200_000)
            }
        } catch {
            throw HubDatabaseFailure(error)
        }
    }

    /// Begins: says that the hub serves at `url`, and calls `told` from its own queue with what it hears.
    func start(as url: HubURL, told: @escaping @Sendable (News) -> Void) {
        commands.sync { command.url = url }
        queue.async { self.run(told) }
    }

    /// The hub is about to end: others tell their nodes no more of it.
    func drain() { commands.sync { command.isDraining = true } }

    /// Ends the feed, after what it is doing.
    func stop() { commands.sync { command.isStopped = true } }

    private func run(_ tell: @Sendable (News) -> Void) {
        while true {
            let command = commands.sync { self.command }
            guard !command.isStopped, let url = command.url else {
                connection = nil
                return
            }
            do throws(PostgresError) {
                try turn(url, isDraining: command.isDraining, tell)
                if failures > 0 { tell(.connection(failure: nil)) }
                failures = 0
            } catch {
                connection = nil
                if failures == 0 { tell(.connection(failure: error.description)) }
                failures += 1
                usleep(UInt32(min(failures, 10)) * 100_000)
            }
        }
    }

    /// Connects, listens, and takes the lock on the hub's key. False: another connection holds it, and there is none.
    private func connect() throws(PostgresError) -> Bool {
        guard connection == nil else { return true }
        let connection = try PostgresConnection(place)
        try PostgreSQLHubSchema.prepare(connection, of: hub)
        let lock = try connection.run("SELECT pg_try_advisory_lock(\(PostgreSQLHubSchema.lock(of: hub)))::int")
        guard lock.first?.integer(0) == 1 else { return false }
        _ = try connection.run("LISTEN postern_change")
        self.connection = connection
        return true
    }

    private func turn(_ url: HubURL, isDraining: Bool, _ tell: (News) -> Void) throws(PostgresError) {
        let isNew = connection == nil || lastContact == nil
        guard try connect(), let connection else {
            tell(.ownKeyTaken)
            throw .lost("another hub with this key runs on the database")
        }
        let now = ContinuousClock.now
        if isNew { try catchUp(connection, at: now, tell) }
        lastContact = now
        if lastBeat.map({ now - $0 >= Self.beatInterval }) ?? true {
            lastBeat = now
            try beat(connection, url, isDraining: isDraining, tell)
        }
        try read(connection, tell)
        _ = try connection.awaitNotification(for: Self.pause)
    }

    /// What happened while there was no connection is still told, if that was not long.
    private func catchUp(
        _ connection: PostgresConnection,
        at now: ContinuousClock.Instant,
        _ tell: (News) -> Void
    ) throws(PostgresError) {
        if let lastContact, now - lastContact > Self.memory { tell(.missed) }
        let latest = try connection.run([.init(.latestChange)])[0].first?.integer(0) ?? 0
        // An older copy of the database counts from a lower number.
        if lastContact == nil || latest < floor { floor = latest }
        told = told.filter { $0 > floor }
    }

    private func beat(
        _ connection: PostgresConnection,
        _ url: HubURL,
        isDraining: Bool,
        _ tell: (News) -> Void
    ) throws(PostgresError) {
        let results = try connection.run([
            .init(
                .beat,
                PostgresValue(hub.bytes),
                PostgresValue(url.description),
                PostgresValue(isDraining ? 1 : 0)
            ),
            .init(.hubs, PostgresValue(hub.bytes)),
            .init(.incarnation),
            .init(.forgetChanges),
        ])
        let count = results[0].first?.integer(0) ?? 0
        var current = results[2].first?.integer(0) ?? 0
        if count <= beats, current == incarnation {
            current = Int64.random(in: 1...1_000_000_000_000_000)
            let renewal = PostgresConnection.Call(.renew, PostgresValue(incarnation ?? 0), PostgresValue(current))
            _ = try connection.run([renewal])
            // Its changes are counted from a lower number.
            (floor, told) = (0, [])
        }
        (beats, incarnation) = (count, current)
        let others = results[1].compactMap { $0.text(0).flatMap { try? HubURL($0) } }
        tell(.cluster(HubCluster(others: others, store: String(current), isDraining: isDraining)))
    }

    private func read(_ connection: PostgresConnection, _ tell: (News) -> Void) throws(PostgresError) {
        let results = try connection.run([
            .init(.latestChange),
            .init(.changes, PostgresValue(floor), PostgresValue(hub.bytes)),
        ])
        let rows = results[1].filter { told.insert($0.integer(0)).inserted }
        let notices = rows.compactMap { HubNotice(kind: Int($0.integer(1)), subject: $0.bytes(2)) }
        if !notices.isEmpty { tell(.notices(notices)) }
        floor = max(floor, results[0].first?.integer(0) ?? 0)
        told = told.filter { $0 > floor }
    }
}
