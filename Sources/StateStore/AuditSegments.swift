import Foundation
import PosternModel
import TrustCore

/// How much of an audit trail is kept.
package struct AuditLimits: Hashable, Sendable {
    /// Bytes after which the file is closed, compressed and followed by a new one. Default 4 MiB.
    package var segmentByteCount: Int
    /// Bytes of compressed segments beyond which the oldest are removed. Default 64 MiB: about four million entries.
    package var archivedByteCount: Int

    package static let defaults = AuditLimits(segmentByteCount: 4 << 20, archivedByteCount: 64 << 20)

    package init(segmentByteCount: Int, archivedByteCount: Int) {
        self.segmentByteCount = segmentByteCount
        self.archivedByteCount = archivedByteCount
    }
}

/// The earlier parts of the audit trail at `path`: `PATH.NUMBER.gz`, named by the number of their last entry.
///
/// A segment that was closed and not yet compressed, since the process ended in between, is `PATH.NUMBER`.
struct AuditSegments {
    let path: String

    /// One part.
    struct Segment {
        let path: String
        /// The number of its last entry.
        let last: Int64
        let isCompressed: Bool
    }

    /// The most that one segment may hold when it is read: it was closed when it had grown beyond its limit by a line.
    private static let expandedLimit = 1 << 30

    /// The parts, the oldest first. One that is just being compressed counts once.
    func all() -> [Segment] {
        let files = files()
        let compressed = Set(files.filter(\.isCompressed).map(\.last))
        return files.filter { $0.isCompressed || !compressed.contains($0.last) }
    }

    private func files() -> [Segment] {
        let url = URL(fileURLWithPath: path)
        let directory = url.deletingLastPathComponent().path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let prefix = url.lastPathComponent + "."
        let segments = names.compactMap { name -> Segment? in
            guard name.hasPrefix(prefix) else { return nil }
            let isCompressed = name.hasSuffix(".gz")
            let number = name.dropFirst(prefix.count).dropLast(isCompressed ? 3 : 0)
            guard let last = Int64(number), last > 0 else { return nil }
            return Segment(path: directory + "/" + name, last: last, isCompressed: isCompressed)
        }
        return segments.sorted { $0.last < $1.last }
    }

    /// The lines of `segment`.
    func read(_ segment: Segment) throws(StateFileError) -> [UInt8] {
        let bytes = try StateFile(reading: segment.path).readAll()
        guard segment.isCompressed else { return bytes }
        guard let text = Gzip.expand(bytes, limit: Self.expandedLimit) else {
            throw StateFileError(
                path: segment.path,
                operation: "read",
                errorNumber: nil,
                message: "the compressed part of the audit trail is damaged"
            )
        }
        return text
    }

    /// Gives the file at ``path``, which ends with the entry `last` and is on the disk, its place among the parts.
    func close(last: Int64) throws(StateFileError) {
        let place = "\(path).\(last)"
        do {
            try FileManager.default.moveItem(atPath: path, toPath: place)
        } catch {
            throw StateFileError(path: place, operation: "rename", errorNumber: nil, message: "\(error)")
        }
        try StateFile.synchronizeDirectory(of: path)
    }

    /// Compresses what is closed and not compressed, and removes the oldest parts beyond `byteCount`.
    func tidy(keeping byteCount: Int) throws(StateFileError) {
        for segment in files() where !segment.isCompressed {
            try StateFile.replace(segment.path + ".gz", with: Gzip.compress(try read(segment)), isDurable: true)
            remove(segment)
        }
        var kept = 0
        for segment in all().reversed() {
            let attributes = try? FileManager.default.attributesOfItem(atPath: segment.path)
            kept += (attributes?[.size] as? NSNumber)?.intValue ?? 0
            if kept > byteCount { remove(segment) }
        }
    }
}

extension AuditSegments {
    /// What cannot be removed now is removed with the next part.
    private func remove(_ segment: Segment) {
        try? FileManager.default.removeItem(atPath: segment.path)
    }
}

extension AuditChain {
    /// What the first line of a part of a trail follows: nothing, or the head that it names under the signature of
    /// `owner`, or of anybody when that is nil.
    static func base(ofPartBeginningWith line: [UInt8], owner: NodeKey?) throws(AuditFault.Reason) -> AuditHead {
        guard let entry = try? JSONValue(parsing: line), let sequence = entry["sequence"]?.integer else {
            throw .notAnEntry
        }
        guard sequence != 1 else { return .empty }
        guard entry["action"]?.string == AuditEvent.Action.continued.rawValue, let seal = entry["new"],
            let (head, signer) = try? AuditSeal.verify(seal.canonicalBytes), owner.map({ $0 == signer }) ?? true,
            head.sequence == sequence - 1
        else { throw .brokenChain }
        return head
    }
}
