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
        /// The entry bears another seal than the node's, or none where the signed head does not name it yet.
        case unsealed
        /// The log ends so many entries before the one that the signed head names.
        case cut(Int64)
        /// The signed head is not the node's, or names another entry.
        case wrongHead
        /// There is no signed head, or an empty one.
        case noHead
        /// The log begins behind the entry that the signed head names as the first that is kept.
        case missingParts
    }

    /// The line, from 1; 0 when the log as a whole is meant.
    package let line: Int
    package let reason: Reason

    package init(line: Int, reason: Reason) {
        self.line = line
        self.reason = reason
    }
}

extension AuditFault: CustomStringConvertible {
    package var description: String { line == 0 ? cause : "line \(line): \(cause)" }

    private var cause: String {
        switch reason {
        case .notAnEntry: "it is not an audit entry"
        case .notCanonical: "it is not in canonical form"
        case .outOfSequence: "its sequence number does not follow, so entries were removed, added or moved"
        case .brokenChain: "it does not follow the entry before it"
        case .edited: "its content does not match its hash"
        case .unsealed: "it does not bear the node's seal, so it cannot be excluded that somebody else added it"
        case .cut(let count): "the log ends here, and \(count) later entries that its signed head names are missing"
        case .wrongHead:
            "the signed head does not match, so it cannot be excluded that the log was rewritten"
        case .noHead:
            "the signed head is missing, so it cannot be excluded that entries were removed, rewritten or added"
        case .missingParts: "earlier parts of the log are missing that its signed head names as kept"
        }
    }
}
