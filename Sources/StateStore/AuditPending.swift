import PosternModel
import TrustCore

/// The lines of an audit trail that are to follow a line of the journal, kept beside the trail while that line is being
/// written: a process that ends between the two finds them when it starts again.
///
/// A line of JSON, `{"count","journal"}`, where `journal` is the hash that the journal ended with before, and behind it
/// the `count` lines as they come into the trail. They are with the system, not forced to the disk, as the trail's own
/// lines are. Nothing here is believed: a line counts if it follows the trail's last one and bears the node's seal.
struct AuditPending {
    /// Where the journal ended before the line that these follow.
    let journal: String
    /// The trail's lines, without line feeds.
    let lines: [[UInt8]]

    static func path(of trail: String) -> String { trail + ".pending" }

    /// What is kept beside `trail`; nil: nothing, or what a process that ended at once had only begun to write.
    init?(of trail: String) throws(StateFileError) {
        let path = Self.path(of: trail)
        try StateFile.refuseLink(at: path)
        guard SystemFile.size(of: path) ?? 0 > 0 else { return nil }
        let text = try StateFile(reading: path).readAll()
        // What stands behind the last line feed is not whole.
        let parts = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let lines = parts.dropLast().map { Array($0) }
        guard let first = lines.first, let header = try? JSONValue(parsing: first),
            let journal = header["journal"]?.string, header["count"]?.integer == Int64(lines.count - 1)
        else { return nil }
        self.journal = journal
        self.lines = Array(lines.dropFirst())
    }

    /// The file for `lines`, each with its line feed, of which there are `count`.
    static func content(_ lines: [UInt8], count: Int, behind journal: ChainHead) -> [UInt8] {
        let header: JSONValue = ["count": .integer(Int64(count)), "journal": .string(journal.hash)]
        return header.canonicalBytes + [UInt8(ascii: "\n")] + lines
    }

    /// Those of the lines that are not in a trail that ends at `head`: all of what follows it there.
    func missing(behind head: ChainHead) -> [[UInt8]] {
        guard
            let start = lines.firstIndex(where: { line in
                (try? JSONValue(parsing: line))?["previous"]?.string == head.hash
            })
        else { return [] }
        return Array(lines[start...])
    }
}
