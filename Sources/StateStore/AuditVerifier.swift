import PosternModel
package import TrustCore

/// What a check of an audit trail says.
package enum AuditVerdict: Hashable, Sendable {
    /// Every line follows from the one before it, and the signed head is reached. Nothing vouches for so many of the
    /// last entries: who does not know the node's key cannot tell that the node wrote them.
    case intact(ChainHead, unvouchedCount: Int = 0)
    /// The first line that does not, of the file at the path, or of the current one.
    case broken(AuditFault, in: String? = nil)
}

/// Why an audit trail could not be opened.
package enum AuditError: Error, Hashable, Sendable {
    case unusable(StateFileError)
    /// It is not what the node has recorded.
    case broken(AuditFault, path: String)
}

/// Reads the audit trail at ``path`` and checks it, without changing anything.
package struct AuditVerifier {
    package let path: String
    package let owner: AuditOwner

    private var segments: AuditSegments { AuditSegments(path: path) }

    package init(path: String, owner: AuditOwner) {
        self.path = path
        self.owner = owner
    }

    /// The end of a trail that was checked.
    struct End {
        let verified: AuditChain.Verified
        let seal: AuditSeal
        /// The first entry of the file, or of the one before it.
        let firstKept: Int64
        /// The whole lines of the file, and all of it.
        let byteCount: Int
        let fileByteCount: Int
    }

    /// Checks the log with the parts that are kept and its signed head. A line that is being written is not looked at.
    package func verdict() throws(StateFileError) -> AuditVerdict {
        var base: ChainHead?
        var first: Int64?
        for segment in segments.all() {
            do throws(AuditFault) {
                let text = try read(segment)
                let start = try self.base(of: text, behind: base)
                first = first ?? start.sequence + 1
                base = try AuditChain.verify(text, after: start, key: owner.chainKey).head
            } catch {
                return .broken(error, in: segment.path)
            }
        }
        do throws(AuditError) {
            let end = try end(after: base)
            guard let kept = end.seal.first, kept < first ?? end.firstKept else {
                return .intact(end.verified.head, unvouchedCount: end.verified.unvouchedCount)
            }
            return .broken(AuditFault(line: 0, reason: .missingParts))
        } catch {
            switch error {
            case .unusable(let failure): throw failure
            case .broken(let fault, _): return .broken(fault)
            }
        }
    }

    /// Checks the current file alone, which begins with what it follows, and that the part before it is there.
    func end() throws(AuditError) -> End {
        let end = try end(after: nil)
        let isFollowing = end.seal.first.map { $0 < end.firstKept } ?? false
        // Where the file is empty the last part was checked in its place.
        let parts = segments.all().dropLast(end.byteCount == 0 ? 1 : 0)
        guard !isFollowing || parts.last?.last == end.firstKept - 1 else {
            throw .broken(AuditFault(line: 0, reason: .missingParts), path: path)
        }
        return end
    }

    private func end(after earlier: ChainHead?) throws(AuditError) -> End {
        do {
            try StateFile.refuseLink(at: path)
            let bytes = SystemFile.size(of: path) == nil ? [] : try StateFile(reading: path).readAll()
            let byteCount = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            let seal = try seal()
            // Where the process ended between two files, the closed one ends with the signed head.
            let closed = byteCount == 0 && earlier == nil ? segments.all().last : nil
            let text = try closed.map { segment throws(AuditFault) in try read(segment) } ?? Array(bytes[..<byteCount])
            let base = try base(of: text, behind: earlier)
            let verified = try AuditChain.verify(text, after: base, head: seal, key: owner.chainKey)
            return End(
                verified: verified,
                seal: seal,
                firstKept: base.sequence + 1,
                byteCount: byteCount,
                fileByteCount: bytes.count
            )
        } catch let fault as AuditFault {
            throw .broken(fault, path: path)
        } catch let failure as StateFileError {
            throw .unusable(failure)
        } catch {
            preconditionFailure("nothing else is thrown here")
        }
    }

    private func seal() throws -> AuditSeal {
        let headPath = AuditSegments.headPath(of: path)
        let bytes = SystemFile.size(of: headPath) == nil ? [] : try StateFile(reading: headPath).readAll()
        guard !bytes.isEmpty else { throw AuditFault(line: 0, reason: .noHead) }
        guard let seal = try? AuditSeal(verifying: bytes), owner.accepts(seal.signer) else {
            throw AuditFault(line: 0, reason: .wrongHead)
        }
        return seal
    }

    /// The highest number of an entry that the signed head or the last line names; unverified.
    func highestKnown() -> ChainHead {
        let signed = (try? seal())?.head ?? .empty
        let bytes = (try? StateFile(reading: path).readAll()) ?? []
        let last = bytes.split(separator: UInt8(ascii: "\n")).last { (try? JSONValue(parsing: Array($0))) != nil }
        let entry = last.flatMap { try? JSONValue(parsing: Array($0)) }
        guard let sequence = entry?["sequence"]?.integer, sequence > signed.sequence, sequence < 1 << 53 else {
            return signed
        }
        return ChainHead(sequence: sequence, hash: ChainHead.empty.hash)
    }

    /// A part that cannot be read is broken at its first line.
    private func read(_ segment: AuditSegments.Segment) throws(AuditFault) -> [UInt8] {
        do throws(StateFileError) {
            return try segments.read(segment)
        } catch {
            throw AuditFault(line: 1, reason: .notAnEntry)
        }
    }

    /// What a file follows: the file before it, or where that is gone what its first line names.
    private func base(of text: [UInt8], behind earlier: ChainHead?) throws(AuditFault) -> ChainHead {
        if let earlier { return earlier }
        guard let first = text.split(separator: UInt8(ascii: "\n"), maxSplits: 1).first else { return .empty }
        do {
            return try AuditChain.base(ofPartBeginningWith: Array(first), owner: owner)
        } catch {
            throw AuditFault(line: 1, reason: error)
        }
    }
}
