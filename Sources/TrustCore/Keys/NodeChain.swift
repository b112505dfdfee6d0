package import OverlayCrypto
package import PosternModel

/// Why records are not the history of one node's key.
package enum NodeChainError: Error, Hashable, Sendable {
    /// There is none, or there are more than a chain may have.
    case count
    /// One of them is no record.
    case record(RecordError)
    /// The record with this number does not follow the one before it.
    case unlinked(Int64)
    /// The key of the record with this number is not the one that the record before had committed to.
    case uncommitted(Int64)
    /// The former key's signature in the record with this number is not its.
    case handover(Int64)
}

/// All records of one node, from its first key to its current one: verified, there is no way to hold others.
///
/// A key that follows another is the one whose hash the record before it names, so whoever stole the current key
/// cannot name the next; the former key's own signature may be missing, since it can be lost.
package struct NodeChain: Hashable, Sendable {
    /// At least one, in their order.
    package let records: [NodeRecord]
    /// The last of them.
    package var latest: NodeRecord { records[records.count - 1] }

    /// Records that a chain may have: it stands in what its node signs.
    package static let limit = 8

    /// The key that the node began with.
    package var first: NodeKey { latest.first }
    /// The key that counts.
    package var current: NodeKey { latest.current }

    /// The chain that begins with `record`, which is the first of its node.
    package init(beginning record: NodeRecord) {
        precondition(record.sequence == 0, "a chain begins with the first record")
        records = [record]
    }

    /// The chain of `documents`.
    package init(verifying documents: [JSONValue]) throws(NodeChainError) {
        guard documents.count <= Self.limit else { throw .count }
        var records: [NodeRecord] = []
        for document in documents {
            let record: NodeRecord
            do { record = try NodeRecord(verifying: document) } catch { throw .record(error) }
            try Self.check(record, behind: records)
            records.append(record)
        }
        guard !records.isEmpty else { throw .count }
        self.records = records
    }

    /// The chain of `documents`, which was verified before it was stored here; nil when it is damaged.
    package init?(stored documents: [JSONValue]) {
        let records = documents.compactMap { try? NodeRecord(stored: $0) }
        guard !records.isEmpty, records.count == documents.count else { return nil }
        self.records = records
    }

    /// The chain that the member `keys` of something that `signer` has signed holds; nil: there is none.
    init?(ofSigner signer: NodeKey, in fields: JSONFields) throws(RecordError) {
        try self.init(in: fields)
        // Whoever has the first key alone signs without a chain: one spelling of each state.
        guard first == signer, records.count > 1 else { throw .invalid("keys") }
    }

    /// The chain in the member `keys` of a document; nil: there is none.
    package init?(in fields: JSONFields) throws(RecordError) {
        guard fields.has("keys") else { return nil }
        guard let documents = try fields.value("keys").array else { throw .invalid("keys") }
        do { try self.init(verifying: documents) } catch { throw .invalid("keys") }
    }

    /// The chain in the member `keys` of a document that has to have one.
    package init(of fields: JSONFields) throws(RecordError) {
        guard let chain = try NodeChain(in: fields) else { throw .invalid("keys") }
        self = chain
    }

    /// The chain in which `next`, the key that this one commits to, takes over from `former`, which hands over where it
    /// is still there, and commits to `successor`. Nil when `next` is another key, or the chain is full.
    package func changed(
        to next: NodeIdentity,
        handingOver former: NodeIdentity?,
        committingTo successor: NodeKey,
        at time: Timestamp
    ) -> NodeChain? {
        guard records.count < Self.limit, latest.next.isKept(by: next.key) else { return nil }
        let record = NodeRecord(next, after: latest, handingOver: former, committingTo: successor, at: time)
        return try? NodeChain(verifying: documents + [record.document])
    }

    /// The states that the chain has had since the node first changed its key, the earliest first.
    package var changes: [NodeChain] {
        records.indices.dropFirst().map { NodeChain(Array(records[...$0])) }
    }

    /// The state in which `key` was the current one; nil: it never was.
    package func upTo(_ key: NodeKey) -> NodeChain? {
        records.lastIndex { $0.current == key }.map { NodeChain(Array(records[...$0])) }
    }

    private init(_ records: [NodeRecord]) { self.records = records }

    /// Whether `other` is this chain, or an earlier state of it.
    package func extends(_ other: NodeChain) -> Bool { records.starts(with: other.records) }

    /// Whether the chain keeps the word that somebody was given. One that is not as long says nothing of it.
    package func keeps(_ commitment: KeyCommitment) -> Bool {
        guard let record = records.first(where: { $0.sequence == commitment.sequence }) else { return true }
        return record.next == commitment
    }

    /// The records, in their order.
    package var documents: [JSONValue] { records.map(\.document) }
    /// Whether the node has another key than its first one.
    package var isChanged: Bool { records.count > 1 }

    /// The node of this chain, of which `current` is the current key, and which still holds the keys `former`; nil when
    /// the chain is another key's.
    package func identity(_ current: NodeIdentity, former: [NodeIdentity]) -> NodeIdentity? {
        guard current.key == self.current else { return nil }
        guard records.count > 1 else { return current }
        return NodeIdentity(current, of: first, succession: documents, former: former)
    }

    private static func check(_ record: NodeRecord, behind records: [NodeRecord]) throws(NodeChainError) {
        let number = record.sequence
        guard number == Int64(records.count) else { throw .unlinked(number) }
        guard let former = records.last else { return }
        guard record.first == former.first, record.previous == former.hash else { throw .unlinked(number) }
        guard former.next.isKept(by: record.current) else { throw .uncommitted(number) }
        guard record.isHandedOver(by: former.current) else { throw .handover(number) }
    }
}

extension NodeIdentity {
    /// How its key has changed; nil: it has not.
    package var chain: NodeChain? {
        succession.isEmpty ? nil : try? NodeChain(verifying: succession)
    }
}

extension NodeChainError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .count: "there is no record, or there are more than \(NodeChain.limit)"
        case .record(let error): error.description
        case .unlinked(let number): "record \(number) does not follow the one before it"
        case .uncommitted(let number): "the key of record \(number) is not the one that was committed to"
        case .handover(let number): "record \(number) is not signed by the key before it"
        }
    }
}
