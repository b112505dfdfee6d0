import OverlayCrypto
package import PosternModel

/// An audit log as a hash chain of JSON lines (DESIGN §10).
///
/// Each line is the canonical JSON of `sequence` (from 1), `time`, `actor`, `action`, `subject`, `network`, `old`,
/// `new`, `via` where it was not the operator who asked, `previous` (the hash of the line before), `hash`: hexadecimal
/// BLAKE2b-256 over the canonical form of all the other members but `seal`, and `seal`: the hash under the node's own
/// key. A changed, missing, added or moved line breaks the chain at that line; the seal is what vouches for lines that
/// the signed head does not name yet.
package struct AuditChain: Sendable {
    package private(set) var head: ChainHead
    private let key: ChainKey?

    private static let sealSize = 16

    /// A chain that goes on after `head`. Without `key`, whose purpose is the audit trail, lines get no seal.
    package init(after head: ChainHead = .empty, key: ChainKey? = nil) {
        self.head = head
        self.key = key
    }

    /// The line, without line feed, that records `event` at `time`.
    package mutating func append(_ event: AuditEvent, at time: Timestamp) -> String {
        var entry = JSONObject()
        entry["sequence"] = .integer(head.sequence + 1)
        entry["time"] = .time(time)
        entry["actor"] = .string(event.actor.did)
        entry["action"] = .string(event.action.rawValue)
        entry["subject"] = .string(event.subject)
        entry["network"] = event.network.map { .string($0) } ?? .null
        entry["old"] = event.old
        entry["new"] = event.new
        if let via = event.via { entry["via"] = .string(via) }
        entry["previous"] = .string(head.hash)
        let hash = Self.hash(of: entry)
        entry["hash"] = .string(hash)
        if let key { entry["seal"] = .string(key.seal(Array(hash.utf8), byteCount: Self.sealSize)) }
        head = ChainHead(sequence: head.sequence + 1, hash: hash)
        return JSONValue.object(entry).canonicalText
    }

    /// Checks that `line` follows the entries so far, and moves the head past it. Returns its seal; nil: it has none.
    @discardableResult
    package mutating func verify(line: [UInt8]) throws(AuditFault.Reason) -> String? {
        guard let value = try? JSONValue(parsing: line), var entry = value.object else { throw .notAnEntry }
        guard let sequence = entry["sequence"]?.integer, let hash = entry["hash"]?.string else { throw .notAnEntry }
        guard value.canonicalBytes == line else { throw .notCanonical }
        guard sequence == head.sequence + 1 else { throw .outOfSequence }
        guard entry["previous"] == .string(head.hash) else { throw .brokenChain }
        let seal = entry["seal"]?.string
        entry["hash"] = nil
        entry["seal"] = nil
        guard Self.hash(of: entry) == hash else { throw .edited }
        head = ChainHead(sequence: sequence, hash: hash)
        return seal
    }

    /// Whether `seal` is the chain's own under its last entry. Without a key there is none.
    package func isSealed(_ seal: String) -> Bool {
        key?.verify(Array(seal.utf8), of: Array(head.hash.utf8), byteCount: Self.sealSize) ?? false
    }

    private static func hash(of entry: JSONObject) -> String {
        Hex.encode(Hash.blake2b(JSONValue.object(entry).canonicalBytes))
    }
}

extension AuditChain {
    /// What a check of lines has found.
    package struct Verified: Hashable, Sendable {
        package let head: ChainHead
        /// How many of the last entries nothing vouches for: the signed head does not name them yet, and their seals
        /// were not looked at or are not there.
        package let unvouchedCount: Int
    }

    /// Verifies a whole log, or a part of one that goes on after `base`: `text` is its lines, each with its line feed.
    ///
    /// `head` is what the signed head file says, if there is one: the log has to reach it. The log may be longer, for
    /// it is written before the head is; who has the node's `key` sees whether the node has written the lines behind
    /// it.
    package static func verify(
        _ text: [UInt8],
        after base: ChainHead = .empty,
        head signed: AuditSeal? = nil,
        key: ChainKey? = nil
    ) throws(AuditFault) -> Verified {
        var chain = AuditChain(after: base)
        var number = 0
        var unvouchedCount = 0
        var needsSeals = signed?.isFollowedBySeals ?? false
        if let signed, signed.head.sequence == base.sequence, signed.head != base {
            throw AuditFault(line: 0, reason: .wrongHead)
        }
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            number += 1
            do throws(AuditFault.Reason) {
                let seal = try chain.verify(line: Array(line))
                let isSealed = try key.map { key throws(AuditFault.Reason) in try check(seal, of: chain.head, key) }
                guard let signed else { continue }
                if signed.head.sequence == chain.head.sequence, signed.head.hash != chain.head.hash { throw .wrongHead }
                guard chain.head.sequence > signed.head.sequence else { continue }
                guard isSealed != false || !needsSeals else { throw .unsealed }
                needsSeals = needsSeals || isSealed == true
                if isSealed != true { unvouchedCount += 1 }
            } catch {
                throw AuditFault(line: number, reason: error)
            }
        }
        if let signed, signed.head.sequence > chain.head.sequence {
            throw AuditFault(line: number, reason: .cut(signed.head.sequence - chain.head.sequence))
        }
        return Verified(head: chain.head, unvouchedCount: unvouchedCount)
    }

    /// Whether the entry at `head` bears the node's seal, which is not another's then. Former versions wrote none.
    private static func check(
        _ seal: String?,
        of head: ChainHead,
        _ key: ChainKey
    ) throws(AuditFault.Reason) -> Bool {
        guard let seal else { return false }
        guard AuditChain(after: head, key: key).isSealed(seal) else { throw .unsealed }
        return true
    }
}
