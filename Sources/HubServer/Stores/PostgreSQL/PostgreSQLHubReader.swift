import HubCore
import PosternModel
import TrustCore

/// What a transaction of ``PostgreSQLHubStore`` reads: all of it is asked for at once.
struct PostgreSQLHubReader {
    private let reads: HubReads
    private let revocations: [Words32: RevocationKey]
    /// What was read before of networks: of each the store tells what is in the place of that edition.
    private let states: NetworkStateCache
    private let known: [NetworkID: NetworkStateCache.Read]
    private let parts: [HubReads.Entries]
    private let boxes: [HubReads.Boxes]
    private let boxed: [HubReads.Boxed]

    /// No entry of a log is shorter, so no more of them are needed for so many bytes.
    private static let entrySize = 256

    init(_ reads: HubReads, _ states: NetworkStateCache) {
        self.reads = reads
        self.states = states
        known = Dictionary(reads.networks.compactMap { id in states[id].map { (id, $0) } }) { first, _ in first }
        revocations = Dictionary(reads.revocations.map { ($0.pair, $0) }) { first, _ in first }
        parts = Array(reads.entries)
        boxes = Array(reads.boxes)
        boxed = Array(reads.boxed)
    }

    /// What is asked, and in ``facts(from:)`` who takes the rows. Both follow this list.
    private enum Part {
        case nodeCount, pools, registrations, unseen, revocations, mailboxes, headers, mail, networks
        case entries(HubReads.Entries)
        case boxes(HubReads.Boxes)
        case boxed(HubReads.Boxed)
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
        asked += parts.map { .entries($0) }
        asked += boxes.map { .boxes($0) }
        return asked + boxed.map { .boxed($0) }
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
        case .networks:
            let ids = reads.networks.sorted()
            let editions = PostgresValue(list: ids.map { String(known[$0]?.edition ?? -1) })
            return .init(.networks, PostgresValue(list: ids.map(\.hash.bytes)), editions)
        case .entries(let part):
            return .init(
                .entries,
                PostgresValue(part.network.hash.bytes),
                PostgresValue(list: part.locator.map(\.bytes)),
                PostgresValue(part.byteCount / Self.entrySize + 1)
            )
        case .boxes(let part):
            let readers = PostgresValue(list: part.readers.map(\.bytes))
            return .init(.boxes, PostgresValue(part.network.hash.bytes), readers)
        case .boxed(let part):
            return .init(.boxed, PostgresValue(part.network.hash.bytes), PostgresValue(part.key.bytes))
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
                    let state = try row.text(2).map { try states.read($0, edition: row.integer(1)) }
                    guard let hash = NetworkHash(bytes: row.bytes(0)) else { continue }
                    facts.networks[NetworkID(hash)] = state ?? known[NetworkID(hash)]?.state
                }
            case .boxes(let part):
                let found = rows.compactMap { row in NodeKey(bytes: row.bytes(0)).map { ($0, row.bytes(1)) } }
                facts.boxes[part] = Dictionary(found) { first, _ in first }
            case .boxed(let part): facts.boxed[part] = Set(rows.compactMap { NodeKey(bytes: $0.bytes(0)) })
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
            entries.append(try NetworkEntry(stored: JSONValue(parsing: text)))
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
                homes: NodeKey.list(row.bytes(5)),
                keys: row.text(6).flatMap { NodeChain(storedText: $0) }
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
