import Foundation
import GRDB
import HubCore
import PosternModel
import TrustCore

/// What a transaction of ``SQLiteHubStore`` reads.
struct SQLiteHubReader {
    let database: Database
    /// What was read before of networks.
    let states: NetworkStateCache

    func facts(for reads: HubReads, _ recent: inout RecentRows) throws -> HubFacts {
        var facts = HubFacts()
        facts.nodeCount = try recent.nodeCount ?? nodeCount()
        facts.pools = try recent.pools ?? pools()
        (recent.nodeCount, recent.pools) = (facts.nodeCount, facts.pools)
        for key in reads.registrations {
            facts.registrations[key] = try recent.registrations.row(key) { try registration(of: key) }
        }
        if let unseen = reads.unseen { facts.unseen = try registrations(unseen) }
        for key in reads.revocations {
            facts.revocations[key] = try recent.revocations.row(key) { try revocation(key) }
        }
        for target in reads.mailboxes { facts.mailboxes[target] = try mail(of: target) }
        for target in reads.headers { facts.headers[target] = try headers(of: target) }
        for key in reads.mail {
            let statement = try database.cachedStatement(sql: "SELECT 1 FROM mail WHERE target = ? AND id = ?")
            let found = try Int.fetchOne(statement, arguments: [key.target.blob, key.id.description])
            if found != nil { facts.mail.insert(key) }
        }
        for id in reads.networks {
            facts.networks[id] = try recent.editions.row(id) { try edition(of: id) }.flatMap { try network(id, $0) }
        }
        for part in reads.entries { facts.entries[part] = try entries(part) }
        for part in reads.boxes { facts.boxes[part] = try boxes(part) }
        for part in reads.boxed { facts.boxed[part] = try boxed(part) }
        return facts
    }

    private func nodeCount() throws -> Int {
        try Int.fetchOne(try database.cachedStatement(sql: "SELECT nodes FROM tally")) ?? 0
    }

    private func pools() throws -> [MailStanding.Kind: Int] {
        var pools: [MailStanding.Kind: Int] = [:]
        for row in try Row.fetchAll(try database.cachedStatement(sql: "SELECT kind, cost FROM pool WHERE cost > 0")) {
            guard let kind = MailStanding.Kind(rawValue: row[0]) else { continue }
            pools[kind] = row[1]
        }
        return pools
    }

    private func revocation(_ key: RevocationKey) throws -> StoredRevocation? {
        let statement = try database.cachedStatement(sql: "SELECT until, signature FROM revoked WHERE pair = ?")
        return try Row.fetchOne(statement, arguments: [Data(key.pair.bytes)]).map { row in
            let signature: Data = row[1]
            return StoredRevocation(issued: Timestamp(nanoseconds: row[0]), signature: [UInt8](signature))
        }
    }

    private func edition(of id: NetworkID) throws -> Int64? {
        let statement = try database.cachedStatement(sql: "SELECT edition FROM log WHERE id = ?")
        return try Int64.fetchOne(statement, arguments: [id.blob])
    }

    private func network(_ id: NetworkID, _ edition: Int64) throws -> NetworkState? {
        if let known = states[id], known.edition == edition { return known.state }
        let statement = try database.cachedStatement(sql: "SELECT state FROM log WHERE id = ?")
        return try states.read(try String.fetchOne(statement, arguments: [id.blob]) ?? "", edition: edition)
    }

    private func boxes(_ part: HubReads.Boxes) throws -> [NodeKey: [UInt8]] {
        let statement = try database.cachedStatement(sql: "SELECT box FROM box WHERE log = ? AND reader = ?")
        var boxes: [NodeKey: [UInt8]] = [:]
        for reader in part.readers {
            let box = try Data.fetchOne(statement, arguments: [part.network.blob, reader.blob])
            boxes[reader] = box.map { [UInt8]($0) }
        }
        return boxes
    }

    private func boxed(_ part: HubReads.Boxed) throws -> Set<NodeKey> {
        let statement = try database.cachedStatement(sql: "SELECT reader FROM box WHERE log = ? AND key = ?")
        let readers = try Data.fetchAll(statement, arguments: [part.network.blob, Data(part.key.bytes)])
        return Set(readers.compactMap { NodeKey(bytes: [UInt8]($0)) })
    }

    private func entries(_ part: HubReads.Entries) throws -> [NetworkEntry] {
        let place = try database.cachedStatement(sql: "SELECT sequence FROM entry WHERE log = ? AND hash = ?")
        let known = try part.locator.compactMap { hash in
            try Int64.fetchOne(place, arguments: [part.network.blob, Data(hash.bytes)])
        }
        let statement = try database.cachedStatement(
            sql: "SELECT document FROM entry WHERE log = ? AND sequence > ? ORDER BY sequence"
        )
        var entries: [NetworkEntry] = []
        var size = 0
        let rows = try String.fetchCursor(statement, arguments: [part.network.blob, known.max() ?? -1])
        while let text = try rows.next() {
            size += text.utf8.count
            guard entries.isEmpty || size <= part.byteCount else { break }
            entries.append(try NetworkEntry(stored: JSONValue(parsing: text)))
        }
        return entries
    }

    private func registration(of key: NodeKey) throws -> Registration? {
        let statement = try database.cachedStatement(
            sql: "SELECT key, contacts, registered, seen, mark, homes, keys FROM node WHERE key = ?"
        )
        return try Row.fetchOne(statement, arguments: [key.blob]).flatMap { registration(in: $0) }
    }

    private func registrations(_ unseen: HubReads.Unseen) throws -> [Registration] {
        let statement = try database.cachedStatement(
            sql: """
                SELECT key, contacts, registered, seen, mark, homes, keys FROM node WHERE seen < ? ORDER BY seen LIMIT ?
                """
        )
        return try Row.fetchAll(statement, arguments: [unseen.since.nanoseconds, unseen.limit]).compactMap { row in
            registration(in: row)
        }
    }

    private func registration(in row: Row) -> Registration? {
        let (bytes, contacts, mark, homes): (Data, String, String?, Data) = (row[0], row[1], row[4], row[5])
        let keys: String? = row[6]
        return NodeKey(bytes: [UInt8](bytes)).map { key in
            Registration(
                key: key,
                contacts: contacts.split(separator: " ").compactMap { RecordID($0) },
                registered: Timestamp(nanoseconds: row[2]),
                seen: Timestamp(nanoseconds: row[3]),
                mark: mark.flatMap { try? StateMark(verifying: JSONValue(parsing: $0)) },
                homes: NodeKey.list([UInt8](homes)),
                keys: keys.flatMap { NodeChain(storedText: $0) }
            )
        }
    }

    private func mail(of target: NodeKey) throws -> [StoredMail] {
        let statement = try database.cachedStatement(
            sql: """
                SELECT id, kind, sender, network, work, sealed, deposited FROM mail WHERE target = ? ORDER BY sequence
                """
        )
        return try Row.fetchAll(statement, arguments: [target.blob]).compactMap { row in
            let sealed: Data = row[5]
            return Self.name(in: row).map { id, standing in
                StoredMail(
                    id: id,
                    sealed: [UInt8](sealed),
                    deposited: Timestamp(nanoseconds: row[6]),
                    standing: standing
                )
            }
        }
    }

    private func headers(of target: NodeKey) throws -> [MailHeader] {
        let statement = try database.cachedStatement(
            sql: "SELECT id, kind, sender, network, work, cost FROM mail WHERE target = ? ORDER BY sequence"
        )
        return try Row.fetchAll(statement, arguments: [target.blob]).compactMap { row in
            Self.name(in: row).map { id, standing in MailHeader(id: id, standing: standing, cost: row[5]) }
        }
    }

    /// The id and the standing in the first five columns of `row`.
    private static func name(in row: Row) -> (RecordID, MailStanding)? {
        let (text, sender, network): (String, Int64, Int64) = (row[0], row[2], row[3])
        guard let id = RecordID(text), let kind = MailStanding.Kind(rawValue: row[1]) else { return nil }
        let standing = MailStanding(
            kind: kind,
            sender: UInt64(bitPattern: sender),
            network: UInt64(bitPattern: network),
            work: row[4]
        )
        return (id, standing)
    }
}

extension NetworkID {
    var blob: Data { Data(hash.bytes) }
}

extension NodeChain {
    /// The chain in a column, which a hub has verified before it wrote it.
    init?(storedText text: String) {
        guard let documents = (try? JSONValue(parsing: text))?.array else { return nil }
        self.init(stored: documents)
    }

    /// The form of a column.
    var storedText: String { JSONValue.array(documents).canonicalText }
}

extension NodeKey {
    var blob: Data { Data(bytes) }

    /// The keys that stand one behind the other in `bytes`.
    static func list(_ bytes: [UInt8]) -> [NodeKey] {
        let byteCount = 32
        return stride(from: 0, to: bytes.count, by: byteCount).compactMap { start in
            NodeKey(bytes: Array(bytes[start..<min(start + byteCount, bytes.count)]))
        }
    }
}
