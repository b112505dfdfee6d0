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

    /// Compresses what is closed and not compressed.
    func compress() throws(StateFileError) {
        for segment in files() where !segment.isCompressed {
            try StateFile.replace(segment.path + ".gz", with: Gzip.compress(try read(segment)), isDurable: true)
            remove(segment)
        }
    }

    /// The oldest parts, which are beyond `byteCount`.
    func excess(over byteCount: Int) -> [Segment] {
        var kept = 0
        return all().reversed().filter { segment in
            kept += SystemFile.size(of: segment.path) ?? 0
            return kept > byteCount
        }
    }

    /// What cannot be removed now is removed with the next part.
    func remove(_ segment: Segment) {
        try? FileManager.default.removeItem(atPath: segment.path)
    }

    /// The signed head of the trail at `path`.
    static func headPath(of path: String) -> String { path + ".head" }

    /// The files of the trail that are there, but its signed head.
    var present: [String] { (files().map(\.path) + [path]).filter { SystemFile.size(of: $0) != nil } }

    /// Moves all files of the trail into a directory beside it; nil when there are none. The log goes last, so that
    /// what is left on the way is broken too.
    func setAside() throws(StateFileError) -> String? {
        let paths = [Self.headPath(of: path)].filter { SystemFile.size(of: $0) != nil } + present
        guard !paths.isEmpty else { return nil }
        let directory = SystemFile.unused(path + ".broken")
        do {
            let mode: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: false,
                attributes: mode
            )
            for path in paths {
                let name = URL(fileURLWithPath: path).lastPathComponent
                try FileManager.default.moveItem(atPath: path, toPath: directory + "/" + name)
            }
        } catch {
            throw StateFileError(path: directory, operation: "move", errorNumber: nil, message: "\(error)")
        }
        try StateFile.synchronizeDirectory(of: directory + "/.")
        try StateFile.synchronizeDirectory(of: path)
        return directory
    }
}

extension AuditChain {
    /// What the first line of a part of a trail follows: nothing, or the head that it names under the signature of
    /// `owner`.
    static func base(ofPartBeginningWith line: [UInt8], owner: AuditOwner) throws(AuditFault.Reason) -> ChainHead {
        guard let entry = try? JSONValue(parsing: line), let sequence = entry["sequence"]?.integer else {
            throw .notAnEntry
        }
        guard sequence != 1 else { return .empty }
        let beginnings: [AuditEvent.Action] = [.continued, .restarted]
        guard beginnings.contains(where: { entry["action"]?.string == $0.rawValue }), let document = entry["new"],
            let seal = try? AuditSeal(verifying: document.canonicalBytes), owner.accepts(seal.signer),
            seal.head.sequence == sequence - 1
        else { throw .brokenChain }
        return seal.head
    }
}
