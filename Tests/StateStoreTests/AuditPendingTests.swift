import Foundation
import NIOCore
import NIOEmbedded
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

@testable import StateStore

/// What a process that ends between the journal's line and the trail leaves, and what the next one makes of it (R11).
@Suite struct AuditPendingTests {
    private let scratch = Scratch()
    private let loop = EmbeddedEventLoop()
    private let before = ChainHead(sequence: 7, hash: String(repeating: "7", count: 64))
    private let after = ChainHead(sequence: 8, hash: String(repeating: "8", count: 64))

    private func open(_ folder: String, limits: AuditLimits = .defaults) throws -> AuditFile {
        let path = folder + "/audit.jsonl"
        try AuditFile.begin(path: path, by: identity(1))
        return try AuditFile(path: path, identity: identity(1), queue: StateQueue(loop), limits: limits) {
            Issue.record($0)
        }
    }

    private func close(_ audit: AuditFile) throws {
        let closed = audit.close(on: loop)
        loop.run()
        try closed.wait()
    }

    private func entries(_ names: [String]) -> [AuditFile.Entry] {
        names.map {
            (AuditEvent(.trustGiven, actor: identity(1).key, subject: $0), Timestamp(seconds: 1_795_000_000))
        }
    }

    /// The folder as a process leaves it that has recorded `first`, and ends while it writes the line of the journal
    /// that `names` follow.
    private func endedBeforeTheTrail(
        _ names: [String],
        after first: [String] = [],
        limits: AuditLimits = .defaults
    ) throws -> String {
        let folder = scratch.path + "/first"
        let copy = scratch.path + "/copy"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let audit = try open(folder, limits: limits)
        for entry in entries(first) { audit.record(entry.event, at: entry.time) }
        loop.run()
        let copied = audit.record(entries(names), behind: before) {
            Result { try FileManager.default.copyItem(atPath: folder, toPath: copy) }
        }
        try copied.get()
        try close(audit)
        return copy
    }

    /// What the trail in `folder` is about once a process has started whose journal ends at `journal`.
    private func subjects(_ folder: String, behind journal: ChainHead) throws -> [String] {
        let path = folder + "/audit.jsonl"
        let audit = try open(folder)
        try audit.complete(behind: journal)
        try close(audit)
        guard case .intact = try AuditVerifier(path: path, owner: .node(identity(1))).verdict() else {
            Issue.record("broken")
            return []
        }
        return try AuditFile.lines(path: path, since: nil).compactMap { line in
            let entry = try JSONValue(parsing: line)
            return entry["action"]?.string == "trust.give" ? entry["subject"]?.string : nil
        }
    }

    @Test func `entries whose line is in the journal are in the trail after a start, once`() throws {
        let folder = try endedBeforeTheTrail(["b", "c"], after: ["a"])
        #expect(try subjects(folder, behind: after) == ["a", "b", "c"])
        #expect(try subjects(folder, behind: after) == ["a", "b", "c"])
    }

    @Test func `entries whose line is not in the journal are not`() throws {
        #expect(try subjects(endedBeforeTheTrail(["b", "c"], after: ["a"]), behind: before) == ["a"])
    }

    @Test func `those that came into the trail before the end are not added again`() throws {
        let folder = try endedBeforeTheTrail(["b", "c", "d"])
        let whole = try String(contentsOfFile: scratch.path + "/first/audit.jsonl", encoding: .utf8)
        let lines = whole.split(separator: "\n")
        // The second is half there.
        let text = lines[0] + "\n" + lines[1].prefix(40)
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/audit.jsonl"))
        #expect(try subjects(folder, behind: after) == ["b", "c", "d"])
    }

    @Test func `a file that was full is followed by another, in order`() throws {
        let limits = AuditLimits(segmentByteCount: 1_000, archivedByteCount: .max)
        let folder = try endedBeforeTheTrail(["d", "e"], after: ["a", "b", "c"], limits: limits)
        #expect(try subjects(folder, behind: after) == ["a", "b", "c", "d", "e"])
    }

    @Test func `what was being written when the process ended is not there`() throws {
        let folder = try endedBeforeTheTrail(["b", "c"], after: ["a"])
        let path = folder + "/audit.jsonl.pending"
        let whole = try #require(FileManager.default.contents(atPath: path))
        for count in stride(from: 0, to: whole.count, by: 7) {
            try whole.prefix(count).write(to: URL(fileURLWithPath: path))
            #expect(try subjects(folder, behind: after) == ["a"], "\(count)")
        }
        try whole.write(to: URL(fileURLWithPath: path))
        #expect(try subjects(folder, behind: after) == ["a", "b", "c"])
    }

    @Test func `a line that somebody else puts there does not count (S5)`() throws {
        let folder = try endedBeforeTheTrail(["b"], after: ["a"])
        let path = folder + "/audit.jsonl.pending"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let head = try AuditVerifier(path: folder + "/audit.jsonl", owner: .node(identity(1))).end().verified.head
        for key in [nil, ChainKey(of: identity(2), for: .audit)] {
            var chain = AuditChain(after: head, key: key)
            let line = chain.append(entries(["x"])[0].event, at: Timestamp(seconds: 1_795_000_000))
            let forged = text.split(separator: "\n")[0] + "\n" + line + "\n"
            try Data(forged.utf8).write(to: URL(fileURLWithPath: path))
            #expect(try subjects(folder, behind: after) == ["a"])
        }
    }
}
