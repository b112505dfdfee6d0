import Foundation
import GRDB
import HubCore
import PosternModel
import TrustCore

/// The statements of one transaction, with the counts as they are in it.
struct SQLiteHubAccess {
    var counts: SQLiteHubStore.Counts

    func fetch(_ reads: HubReads, from database: Database) throws -> HubFacts {
        var facts = HubFacts()
        facts.nodeCount = counts.nodes
        facts.mailCount = counts.mail
        for key in reads.registrations {
            let statement = try database.cachedStatement(sql: "SELECT contacts, registered FROM node WHERE key = ?")
            guard let row = try Row.fetchOne(statement, arguments: [key.blob]) else { continue }
            let contacts: String = row[0]
            facts.registrations[key] = Registration(
                key: key,
                contacts: contacts.split(separator: " ").compactMap { RecordID($0) },
                registered: Timestamp(nanoseconds: row[1])
            )
        }
        for pair in reads.revocations {
            let statement = try database.cachedStatement(
                sql: "SELECT until FROM revocation WHERE giver = ? AND subject = ?"
            )
            let until = try Int64.fetchOne(statement, arguments: [pair.giver.blob, pair.subject.blob])
            facts.voidUntil[pair] = until.map(Timestamp.init(nanoseconds:))
        }
        try fetchMail(reads, from: database, into: &facts)
        return facts
    }

    private func fetchMail(_ reads: HubReads, from database: Database, into facts: inout HubFacts) throws {
        for target in reads.mailboxes {
            let statement = try database.cachedStatement(
                sql: "SELECT id, sealed, deposited FROM mail WHERE target = ? ORDER BY sequence"
            )
            facts.mailboxes[target] = try Row.fetchAll(statement, arguments: [target.blob]).compactMap { row in
                let id: String = row[0]
                let sealed: Data = row[1]
                return RecordID(id).map {
                    StoredMail(id: $0, sealed: [UInt8](sealed), deposited: Timestamp(nanoseconds: row[2]))
                }
            }
        }
        for target in reads.mailboxCounts {
            let statement = try database.cachedStatement(sql: "SELECT count(*) FROM mail WHERE target = ?")
            facts.mailboxCounts[target] = try Int.fetchOne(statement, arguments: [target.blob])
        }
        for key in reads.mail {
            let statement = try database.cachedStatement(sql: "SELECT 1 FROM mail WHERE target = ? AND id = ?")
            let found = try Int.fetchOne(statement, arguments: [key.target.blob, key.id.description])
            if found != nil { facts.mail.insert(key) }
        }
    }

    mutating func apply(_ write: HubWrite, to database: Database) throws {
        switch write {
        case .register(let registration): try register(registration, in: database)
        case .deregister(let key):
            try database.cachedStatement(sql: "DELETE FROM node WHERE key = ?").execute(arguments: [key.blob])
            counts.nodes -= database.changesCount
        case .deposit(let mail, let target):
            let statement = try database.cachedStatement(
                sql: "INSERT INTO mail (target, id, sealed, deposited) VALUES (?, ?, ?, ?)"
            )
            let id = mail.id.description
            try statement.execute(arguments: [target.blob, id, Data(mail.sealed), mail.deposited.nanoseconds])
            counts.mail += 1
        case .removeMail(let ids, let target):
            let statement = try database.cachedStatement(sql: "DELETE FROM mail WHERE target = ? AND id = ?")
            for id in ids {
                try statement.execute(arguments: [target.blob, id.description])
                counts.mail -= database.changesCount
            }
        case .removeMailDeposited(let time):
            try database.execute(sql: "DELETE FROM mail WHERE deposited < ?", arguments: [time.nanoseconds])
            counts.mail -= database.changesCount
        case .revoke(let pair, let until, let limit): try revoke(pair, until: until, limit: limit, in: database)
        }
    }

    private mutating func register(_ registration: Registration, in database: Database) throws {
        let (key, registered) = (registration.key.blob, registration.registered.nanoseconds)
        let contacts = registration.contacts.map(\.description).joined(separator: " ")
        try database.cachedStatement(sql: "UPDATE node SET contacts = ?, registered = ? WHERE key = ?")
            .execute(arguments: [contacts, registered, key])
        guard database.changesCount == 0 else { return }
        try database.cachedStatement(sql: "INSERT INTO node (key, contacts, registered) VALUES (?, ?, ?)")
            .execute(arguments: [key, contacts, registered])
        counts.nodes += 1
    }

    private func revoke(_ pair: GrantPair, until: Timestamp, limit: Int, in database: Database) throws {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO revocation (giver, subject, until) VALUES (?, ?, ?)
                ON CONFLICT (giver, subject) DO UPDATE SET until = max(until, excluded.until)
                """
        )
        try statement.execute(arguments: [pair.giver.blob, pair.subject.blob, until.nanoseconds])
        let count = try Int.fetchOne(
            try database.cachedStatement(sql: "SELECT count(*) FROM revocation WHERE giver = ?"),
            arguments: [pair.giver.blob]
        )
        guard let count, count > limit else { return }
        try database.execute(
            sql: """
                DELETE FROM revocation WHERE giver = ?1 AND subject =
                    (SELECT subject FROM revocation WHERE giver = ?1 ORDER BY until LIMIT 1)
                """,
            arguments: [pair.giver.blob]
        )
    }
}

extension NodeKey {
    fileprivate var blob: Data { Data(bytes) }
}
