import OverlayCrypto
package import PosternModel

/// What happened, before it has a place in the chain (R11).
package struct AuditEvent: Hashable, Sendable {
    /// The kinds of events, in the words of the log.
    package enum Action: String, Sendable {
        case started = "start"
        case stopped = "stop"
        case registered = "register"
        case deregistered = "deregister"
        case trustAsked = "trust.ask"
        case trustGiven = "trust.give"
        case trustRefused = "trust.refuse"
        case trustRevoked = "trust.revoke"
        case trustExpired = "trust.expire"
        case invited = "invitation.create"
        case uninvited = "invitation.revoke"
        case redeemed = "invitation.redeem"
        case carded = "contact.create"
        case uncarded = "contact.revoke"
        case blocked = "peer.block"
        case unblocked = "peer.unblock"
        case accessRefused = "access.refuse"
        case renamed = "peer.rename"
        case reconfigured = "configuration.reload"
        /// The first entry of a further file: `new` is the signed head of the files before it.
        case continued = "audit.continue"
    }

    /// What happened.
    package var action: Action
    /// Who did it: a did.
    package var actor: NodeKey
    /// What it was done to: a did, a service, an invitation.
    package var subject: String
    /// The network it belongs to; nil outside networks.
    package var network: String?
    package var old: JSONValue
    package var new: JSONValue

    package init(
        _ action: Action,
        actor: NodeKey,
        subject: String,
        network: String? = nil,
        old: JSONValue = nil,
        new: JSONValue = nil
    ) {
        self.action = action
        self.actor = actor
        self.subject = subject
        self.network = network
        self.old = old
        self.new = new
    }
}

/// The end of an audit log: what the next entry is chained to.
package struct AuditHead: Hashable, Sendable {
    /// The number of entries.
    package let sequence: Int64
    /// Hexadecimal BLAKE2b-256 of the last entry; 64 zeros when there is none.
    package let hash: String

    package init(sequence: Int64, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    /// The head of an empty log.
    package static let empty = AuditHead(sequence: 0, hash: String(repeating: "0", count: 64))
}

/// An audit log as a hash chain of JSON lines (DESIGN §10).
///
/// Each line is the canonical JSON of `sequence` (from 1), `time`, `actor`, `action`, `subject`, `network`, `old`,
/// `new`, `previous` (the hash of the line before) and `hash`: hexadecimal BLAKE2b-256 over the canonical form of all
/// the other members. A changed, missing, added or moved line breaks the chain at that line.
package struct AuditChain: Sendable {
    package private(set) var head: AuditHead

    /// A chain that goes on after `head`.
    package init(after head: AuditHead = .empty) {
        self.head = head
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
        entry["previous"] = .string(head.hash)
        let hash = Self.hash(of: entry)
        entry["hash"] = .string(hash)
        head = AuditHead(sequence: head.sequence + 1, hash: hash)
        return JSONValue.object(entry).canonicalText
    }

    /// Checks that `line` follows the entries so far, and moves the head past it.
    package mutating func verify(line: [UInt8]) throws(AuditFault.Reason) {
        guard let value = try? JSONValue(parsing: line), var entry = value.object else { throw .notAnEntry }
        guard let sequence = entry["sequence"]?.integer, let hash = entry["hash"]?.string else { throw .notAnEntry }
        guard value.canonicalBytes == line else { throw .notCanonical }
        guard sequence == head.sequence + 1 else { throw .outOfSequence }
        guard entry["previous"] == .string(head.hash) else { throw .brokenChain }
        entry["hash"] = nil
        guard Self.hash(of: entry) == hash else { throw .edited }
        head = AuditHead(sequence: sequence, hash: hash)
    }

    private static func hash(of entry: JSONObject) -> String {
        let digest = Hash.blake2b(JSONValue.object(entry).canonicalBytes)
        return Hex.encode(digest)
    }
}

/// Where and how an audit log is broken.
package struct AuditFault: Error, Hashable, Sendable {
    /// What is wrong with the line.
    package enum Reason: Error, Hashable, Sendable {
        /// The line is no entry of an audit log.
        case notAnEntry
        /// The line is not in canonical form.
        case notCanonical
        /// The number of the entry is not the next one.
        case outOfSequence
        /// The entry follows another one than that before it.
        case brokenChain
        /// The entry's content is not what its hash was made over.
        case edited
        /// The log ends before the entry that the signed head names.
        case cut
        /// The signed head is not the node's, or names another entry.
        case wrongHead
    }

    /// The line, from 1.
    package let line: Int
    package let reason: Reason

    package init(line: Int, reason: Reason) {
        self.line = line
        self.reason = reason
    }
}

extension AuditFault: CustomStringConvertible {
    package var description: String {
        let cause =
            switch reason {
            case .notAnEntry: "it is not an audit entry"
            case .notCanonical: "it is not in canonical form"
            case .outOfSequence: "its sequence number does not follow"
            case .brokenChain: "it does not follow the entry before it"
            case .edited: "its content does not match its hash"
            case .cut: "the log ends here, but the signed head names a later entry"
            case .wrongHead: "the signed head does not match"
            }
        return "line \(line): \(cause)"
    }
}

extension AuditChain {
    /// Verifies a whole log, or a part of one that goes on after `base`: `text` is its lines, each with its line feed.
    ///
    /// `head` is what the signed head file says, if there is one: the log has to reach it. The log may be longer, for
    /// it is written before the head is.
    package static func verify(
        _ text: [UInt8],
        after base: AuditHead = .empty,
        head signed: AuditHead? = nil
    ) throws(AuditFault) -> AuditHead {
        var chain = AuditChain(after: base)
        var number = 0
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            number += 1
            do {
                try chain.verify(line: Array(line))
            } catch {
                throw AuditFault(line: number, reason: error)
            }
            if let signed, signed.sequence == chain.head.sequence, signed.hash != chain.head.hash {
                throw AuditFault(line: number, reason: .wrongHead)
            }
        }
        if let signed, signed.sequence > chain.head.sequence { throw AuditFault(line: number, reason: .cut) }
        return chain.head
    }
}
