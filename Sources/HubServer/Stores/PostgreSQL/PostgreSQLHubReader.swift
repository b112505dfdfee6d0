import HubCore
import PosternModel
import TrustCore

/// What a transaction of ``PostgreSQLHubStore`` reads: all of it is asked for at once.
struct PostgreSQLHubReader {
    private let reads: HubReads
    private let revocations: [Words32: RevocationKey]
    private let parts: [HubReads.Entries]

    /// No entry of a log is shorter, so no more of them are needed for so many bytes.
    private static let entrySize = 256

    init(_ reads: HubReads) {
        self.reads = reads
        revocations = Dictionary(reads.revocations.map { ($0.pair, $0) }) { first, _ in first }
        parts = Array(reads.entries)
    }

    /// What is asked, and in ``facts(from:)`` who takes the rows. Both follow this list.
    private enum Part {
        case nodeCount, pools, registrations, unseen, revocations, mailboxes, headers, mail, networks
        case entries(HubReads.Entries)
    }

    private var asked: [Part] {
        var asked: [Part] = [.nodeCount, .pools]
        if !reads.registrations.isEmpty { asked.append(.registrations) }
        if reads.unseen != nil { asked.append(.unseen) }
        if !reads.revocations.isEmpty { asked.append(.revocations) }
        if !reads.mailboxes.isEmpty { asked.append(.mailboxes) }
        if !reads.headers.isEmpty { asked.append(.headers) }
        if !reads.mail.isEmpty { asked.append(.mail) }
        if !reads.networks.isEmpty { asked.append(.networks) }
        return asked + parts.map { .entries($0) }
    }

    var calls: [PostgresConnection.Call] { asked.map(call) }

    private func call(_ part: Part) -> PostgresConnection.Call {
        func keys(_ nodes: Set<NodeKey>) -> PostgresValue { PostgresValue(list: nodes.map(\.bytes)) }
        switch part {
        case .nodeCount: return .init(.nodeCount)
        case .pools: return .init(.pools)
        case .registrations: return .init(.registrations, keys(reads.registrations))
        case .unseen:
            guard let unseen = reads.unseen else { preconditionFailure("it is asked only when it is there") }
            return .init(.unseen, PostgresValue(unseen.since), PostgresValue(unseen.limit))
        case .revocations: return .init(.revocations, PostgresValue(list: revocations.keys.map(\.bytes)))
        case .mailboxes: return .init(.mailboxes, keys(reads.mailboxes))
        case .headers: return .init(.headers, keys(reads.headers))
        case .mail:
            let keys = Array(reads.mail)
            let targets = PostgresValue(list: keys.map(\.target.bytes))
            return .init(.mail, targets, PostgresValue(list: keys.map(\.id.description)))
        case .networks: return .init(.networks, PostgresValue(list: reads.networks.map(\.hash.bytes)))
        case .entries(let part):
            return .init(
                .entries,
                PostgresValue(part.network.hash.bytes),
                PostgresValue(list: part.locator.map(\.bytes)),
                PostgresValue(part.byteCount / Self.entrySize + 1)
            )
        }
    }

    /// What the rows say that ``calls`` have brought.
    func facts(from results: some Sequence<[PostgresRow]>) throws -> HubFacts {
        var facts = HubFacts()
        for target in reads.mailboxes { facts.mailboxes[target] = [] }
        for target in reads.headers { facts.headers[target] = [] }
        for (part, rows) in zip(asked, results) {
            switch part {
            case .nodeCount: facts.nodeCount = Int(rows.first?.integer(0) ?? 0)
            case .pools:
                for row in rows {
                    guard let kind = MailStanding.Kind(rawValue: Int(row.integer(0))) else { continue }
                    facts.pools[kind] = Int(row.integer(1))
                }
            case .registrations:
                for registration in rows.compactMap(Self.registration) {
                    facts.registrations[registration.key] = registration
                }
            case .unseen: facts.unseen = rows.compactMap(Self.registration)
            case .revocations:
                for row in rows {
                    guard let key = Words32(bytes: row.bytes(0)).flatMap({ revocations[$0] }) else { continue }
                    facts.revocations[key] = StoredRevocation(issued: row.time(1), signature: row.bytes(2))
                }
            case .mailboxes:
                for (target, header, row) in rows.compactMap(Self.mail) {
                    let mail = StoredMail(
                        id: header.id,
                        sealed: row.bytes(7),
                        deposited: row.time(8),
                        standing: header.standing
                    )
                    facts.mailboxes[target, default: []].append(mail)
                }
            case .headers:
                for (target, header, _) in rows.compactMap(Self.mail) {
                    facts.headers[target, default: []].append(header)
                }
            case .mail: facts.mail = Set(rows.compactMap(Self.mailKey))
            case .networks:
                for row in rows {
                    let state = try NetworkState(JSONValue(parsing: row.text(1) ?? ""))
                    facts.networks[state.id] = state
                }
            case .entries(let part): facts.entries[part] = try Self.entries(rows, byteCount: part.byteCount)
            }
        }
        return facts
    }

    private static func entries(_ rows: [PostgresRow], byteCount: Int) throws -> [NetworkEntry] {
        var entries: [NetworkEntry] = []
        var size = 0
        for row in rows {
            let text = row.text(0) ?? ""
            size += text.utf8.count
            guard entries.isEmpty || size <= byteCount else { break }
            entries.append(try NetworkEntry(verifying: JSONValue(parsing: text)))
        }
        return entries
    }

    private static func registration(_ row: PostgresRow) -> Registration? {
        NodeKey(bytes: row.bytes(0)).map { key in
            Registration(
                key: key,
                contacts: (row.text(1) ?? "").split(separator: " ").compactMap { RecordID($0) },
                registered: row.time(2),
                seen: row.time(3),
                mark: row.text(4).flatMap { try? StateMark(verifying: JSONValue(parsing: $0)) },
                homes: NodeKey.list(row.bytes(5))
            )
        }
    }

    private static func mailKey(_ row: PostgresRow) -> MailKey? {
        guard let target = NodeKey(bytes: row.bytes(0)), let id = row.text(1).flatMap({ RecordID($0) }) else {
            return nil
        }
        return MailKey(target: target, id: id)
    }

    /// What the first seven columns say, and the row.
    private static func mail(_ row: PostgresRow) -> (NodeKey, MailHeader, PostgresRow)? {
        guard let key = mailKey(row), let kind = MailStanding.Kind(rawValue: Int(row.integer(2))) else { return nil }
        let standing = MailStanding(
            kind: kind,
            sender: UInt64(bitPattern: row.integer(3)),
            network: UInt64(bitPattern: row.integer(4)),
            work: Int(row.integer(5))
        )
        return (key.target, MailHeader(id: key.id, standing: standing, cost: Int(row.integer(6))), row)
    }
}
