import TrustCore

extension AuditFile {
    /// Copies the log at `path`, with the parts that are kept, to the new file `copy`, and its signed head beside it:
    /// a trail of its own, which whoever knows the node's key can verify. Returns how many entries it has, or nil, and
    /// copies nothing, when something is at `copy` already.
    package static func export(path: String, to copy: String) throws(StateFileError) -> Int? {
        let headPath = AuditSegments.headPath(of: copy)
        guard SystemFile.size(of: copy) == nil, SystemFile.size(of: headPath) == nil else { return nil }
        // The head first: lines may follow it, and it may not follow lines that are not copied.
        let head = try StateFile(reading: AuditSegments.headPath(of: path)).readAll()
        let lines = try lines(path: path, since: nil)
        guard try StateFile.create(headPath, with: head) else { return nil }
        let text = lines.map { $0 + "\n" }.joined()
        return try StateFile.create(copy, with: Array(text.utf8)) ? lines.count : nil
    }
}
