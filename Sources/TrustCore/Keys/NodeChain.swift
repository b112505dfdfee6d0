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
    package let latest: NodeRecord

    /// Records that a chain may have.
    package static let limit = 256

    /// The key that the node began with.
    package var first: NodeKey { latest.first }
    /// The key that counts.
    package var current: NodeKey { latest.current }

    /// The chain that begins with `record`, which is the first of its node.
    package init(beginning record: NodeRecord) {
        precondition(record.sequence == 0, "a chain begins with the first record")
        records = [record]
        latest = record
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
        guard let latest = records.last else { throw .count }
        self.records = records
        self.latest = latest
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
