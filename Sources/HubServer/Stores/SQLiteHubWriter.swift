import Foundation
import GRDB
import HubCore
import PosternModel
import TrustCore

/// What a transaction of ``SQLiteHubStore`` writes.
struct SQLiteHubWriter {
    let database: Database

    /// Makes all of `writes`, or none. Not by GRDB's own transactions, which compile their two statements each time.
    func transaction(_ writes: [HubWrite]) throws {
        try execute("BEGIN IMMEDIATE", [])
        do {
            for write in writes { try apply(write) }
            try execute("COMMIT", [])
        } catch {
            try? database.rollback()
            throw error
        }
    }

    func apply(_ write: HubWrite) throws {
        switch write {
        case .register(let registration): try register(registration)
        case .deregister(let key): try execute("DELETE FROM node WHERE key = ?", [key.blob])
        case .deposit(let mail, let target): try deposit(mail, for: target)
        case .removeMail(let ids, let target):
            for id in ids {
                try execute("DELETE FROM mail WHERE target = ? AND id = ?", [target.blob, id.description])
            }
        case .trimMail(let kind, let cost): try trim(kind, to: cost)
        case .removeMailDeposited(let time):
            try execute("DELETE FROM mail WHERE deposited < ?", [time.nanoseconds])
        case .mark(let mark):
            try execute(
                "UPDATE node SET mark = ? WHERE key = ?",
                [mark.document.canonicalText, mark.node.blob]
            )
        case .extend(let state, let entries): try extend(state, by: entries)
        case .keepBoxes(let network, let key, let boxes):
            for (reader, box) in boxes {
                try execute(
                    """
                    INSERT INTO box (log, reader, key, box) VALUES (?, ?, ?, ?)
                    ON CONFLICT (log, reader) DO UPDATE SET key = excluded.key, box = excluded.box
                    """,
                    [network.blob, reader.blob, Data(key.bytes), Data(box)]
                )
            }
        case .removeBoxes(let network, let readers):
            for reader in readers {
                try execute("DELETE FROM box WHERE log = ? AND reader = ?", [network.blob, reader.blob])
            }
        // Nobody shares the file.
        case .tell: break
        case .revoke(let key, let revocation, let limit): try revoke(key, revocation, limit: limit)
        }
    }

    private func execute(_ sql: String, _ arguments: StatementArguments) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    private func register(_ registration: Registration) throws {
        try execute(
            """
            INSERT INTO node (key, contacts, registered, seen, homes, keys) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (key) DO UPDATE SET
                contacts = excluded.contacts, registered = excluded.registered, seen = excluded.seen,
                homes = excluded.homes, keys = excluded.keys
            """,
            [
                registration.key.blob, registration.contacts.map(\.description).joined(separator: " "),
                registration.registered.nanoseconds, registration.seen.nanoseconds,
                Data(registration.homes.flatMap(\.bytes)), registration.keys?.storedText,
            ]
        )
    }

    private func deposit(_ mail: StoredMail, for target: NodeKey) throws {
        let standing = mail.standing
        try execute(
            """
            INSERT INTO mail (target, id, sealed, deposited, kind, sender, network, work, cost)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                target.blob, mail.id.description, Data(mail.sealed), mail.deposited.nanoseconds,
                standing.kind.rawValue, Int64(bitPattern: standing.sender), Int64(bitPattern: standing.network),
                standing.work, mail.header.cost,
            ]
        )
    }

    private func trim(_ kind: MailStanding.Kind, to cost: Int) throws {
        let size = try database.cachedStatement(sql: "SELECT cost FROM pool WHERE kind = ?")
        let largest = try database.cachedStatement(
            sql: "SELECT tag FROM network WHERE kind = ? ORDER BY mails DESC, tag LIMIT 1"
        )
        while try Int.fetchOne(size, arguments: [kind.rawValue]) ?? 0 > cost {
            guard let network = try Int64.fetchOne(largest, arguments: [kind.rawValue]) else { return }
            try execute(
                """
                DELETE FROM mail WHERE sequence = (
                    SELECT sequence FROM mail WHERE kind = ? AND network = ? ORDER BY work, sequence LIMIT 1
                )
                """,
                [kind.rawValue, network]
            )
            guard database.changesCount > 0 else { return }
        }
    }

    private func extend(_ state: NetworkState, by entries: [NetworkEntry]) throws {
        try execute(
            """
            INSERT INTO log (id, state, edition) VALUES (?, ?, random())
            ON CONFLICT (id) DO UPDATE SET state = excluded.state, edition = excluded.edition
            """,
            [state.id.blob, state.document.canonicalText]
        )
        for entry in entries {
            try execute(
                "INSERT INTO entry (log, sequence, hash, document) VALUES (?, ?, ?, ?)",
                [
                    state.id.blob, entry.header.sequence, Data(entry.hash.bytes),
                    entry.document.canonicalText,
                ]
            )
        }
    }

    private func revoke(_ key: RevocationKey, _ revocation: StoredRevocation, limit: Int) throws {
        let giver = Int64(bitPattern: key.giver)
        try execute(
            """
            INSERT INTO revoked (pair, giver, until, signature) VALUES (?, ?, ?, ?)
            ON CONFLICT (pair) DO UPDATE SET until = excluded.until, signature = excluded.signature
                WHERE excluded.until > revoked.until
            """,
            [Data(key.pair.bytes), giver, revocation.issued.nanoseconds, Data(revocation.signature)]
        )
        let counting = try database.cachedStatement(sql: "SELECT count(*) FROM revoked WHERE giver = ?")
        guard let count = try Int.fetchOne(counting, arguments: [giver]), count > limit else { return }
        try execute(
            """
            DELETE FROM revoked WHERE pair = (SELECT pair FROM revoked WHERE giver = ? ORDER BY until LIMIT 1)
            """,
            [giver]
        )
    }
}
