import Foundation
import NIOCore
import NIOEmbedded
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

@testable import StateStore

@Suite struct AuditFileTests {
    private let scratch = Scratch()
    private let loop = EmbeddedEventLoop()
    private var path: String { scratch.path + "/audit.jsonl" }

    private func open(_ owner: NodeIdentity = identity(1)) throws -> AuditFile {
        try AuditFile(path: path, identity: owner, queue: StateQueue(loop)) { Issue.record($0) }
    }

    private func record(_ count: Int, in audit: AuditFile) {
        for number in 0..<count {
            let event = AuditEvent(.trustGiven, actor: identity(1).key, subject: "\(number)")
            audit.record(event, at: Timestamp(seconds: 1_795_000_000))
        }
    }

    private func record(_ count: Int) throws {
        let audit = try open()
        record(count, in: audit)
        let closed = audit.close(on: loop)
        loop.run()
        try closed.wait()
    }

    /// Records `count` events with files of about three entries each.
    private func recordInParts(_ count: Int, keeping archivedByteCount: Int = .max) throws {
        let limits = AuditLimits(segmentByteCount: 1_000, archivedByteCount: archivedByteCount)
        let audit = try AuditFile(path: path, identity: identity(1), queue: StateQueue(loop), limits: limits) {
            Issue.record($0)
        }
        record(count, in: audit)
        let closed = audit.close(on: loop)
        loop.run()
        try closed.wait()
    }

    private func parts() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: scratch.path).filter { $0.hasPrefix("audit.jsonl.") }
            .filter { !$0.hasSuffix(".head") }.sorted { $0.count == $1.count ? $0 < $1 : $0.count < $1.count }
    }

    @Test func `a trail that has grown goes on in another file, and all of it is one chain (R11)`() throws {
        for _ in 0..<3 { try recordInParts(10) }
        let parts = try parts()
        #expect(parts.count > 3 && parts.allSatisfy { $0.hasSuffix(".gz") })
        let lines = try AuditFile.lines(path: path, since: nil)
        #expect(lines.filter { $0.contains("trust.give") }.count == 30)
        guard case .intact(let head) = try AuditFile.verify(path: path, owner: identity(1).key) else {
            Issue.record("broken")
            return
        }
        #expect(head.sequence == Int64(lines.count))
    }

    @Test func `the oldest parts go, and what is left names under signature what it follows (N17)`() throws {
        try recordInParts(40, keeping: 2_000)
        let size = try parts().reduce(0) {
            try $0 + Data(contentsOf: URL(fileURLWithPath: scratch.path + "/" + $1)).count
        }
        #expect(size <= 2_000)
        let lines = try AuditFile.lines(path: path, since: nil)
        #expect(lines.first?.contains("audit.continue") == true)
        guard case .intact(let head) = try AuditFile.verify(path: path, owner: identity(1).key) else {
            Issue.record("broken")
            return
        }
        #expect(head.sequence > Int64(lines.count))
        let foreign = try AuditFile.verify(path: path, owner: identity(2).key)
        guard case .broken(AuditFault(line: 1, reason: .brokenChain), in: _?) = foreign else {
            Issue.record("somebody else's signature counts")
            return
        }
    }

    @Test func `a part that is changed, or missing between others, is found (S5)`() throws {
        try recordInParts(20)
        let parts = try parts()
        let middle = scratch.path + "/" + parts[1]
        let whole = try Data(contentsOf: URL(fileURLWithPath: middle))
        var damaged = whole
        damaged[whole.count / 2] ^= 1
        try damaged.write(to: URL(fileURLWithPath: middle))
        guard case .broken(_, in: middle) = try AuditFile.verify(path: path, owner: identity(1).key) else {
            Issue.record("damage is not found")
            return
        }
        try FileManager.default.removeItem(atPath: middle)
        guard
            case .broken(AuditFault(line: 1, reason: .outOfSequence), in: _?) =
                try AuditFile.verify(path: path, owner: identity(1).key)
        else {
            Issue.record("a gap is not found")
            return
        }
    }

    @Test func `a process that ends between two files goes on behind the closed one`() throws {
        try record(3)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".3")
        try record(2)
        guard case .intact(let head) = try AuditFile.verify(path: path, owner: identity(1).key) else {
            Issue.record("broken")
            return
        }
        #expect(head.sequence == 6, "three entries, the continuation, and two")
    }

    @Test func `the trail goes on after a restart as one chain (R11)`() throws {
        for _ in 0..<3 { try record(2) }
        guard case .intact(let head) = try AuditFile.verify(path: path, owner: identity(1).key) else {
            Issue.record("broken")
            return
        }
        #expect(head.sequence == 6)
        #expect(try AuditFile.lines(path: path, since: nil).count == 6)
        #expect(try AuditFile.lines(path: path, since: Timestamp(seconds: 9_000_000_000)).isEmpty)
    }

    @Test func `entries are in the file when that is told, and signed a second later`() throws {
        let audit = try open()
        let told = Outcomes()
        record(2, in: audit)
        audit.whenRecorded { told.add(0) }
        record(1, in: audit)
        let lines = audit.lines(since: nil, on: loop)
        #expect(told.numbers.isEmpty && FileManager.default.contents(atPath: path) == Data())
        loop.run()
        #expect(try told.numbers == [0] && lines.wait().count == 3)
        #expect(FileManager.default.contents(atPath: path + ".head") == Data(), "not signed yet")
        loop.advanceTime(by: .seconds(1))
        let seal = try #require(FileManager.default.contents(atPath: path + ".head"))
        #expect(try AuditSeal.verify(Array(seal)).head.sequence == 3)
    }

    @Test func `an edited file is refused at the start, with the line (R11, S5)`() throws {
        try record(3)
        var lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        lines[1] = lines[1].replacingOccurrences(of: #""subject":"1""#, with: #""subject":"x""#)
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        let error = #expect(throws: StateFileError.self) { _ = try open() }
        #expect(error?.message.contains("line 2") == true)
    }

    @Test func `a file cut at a line's end is noticed by the signed head (S5)`() throws {
        try record(3)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let lines = text.split(separator: "\n").prefix(2).joined(separator: "\n") + "\n"
        try lines.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try AuditFile.verify(path: path, owner: nil) == .broken(AuditFault(line: 2, reason: .cut)))
    }

    @Test func `a head that somebody else signed does not count`() throws {
        try record(1)
        let verdict = try AuditFile.verify(path: path, owner: identity(2).key)
        #expect(verdict == .broken(AuditFault(line: 1, reason: .wrongHead)))
    }

    @Test func `a line that a crash left half-written is cut off, and the chain holds`() throws {
        try record(2)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(#"{"action":"tru"#.utf8))
        try handle.close()
        try record(1)
        #expect(try AuditFile.lines(path: path, since: nil).count == 3)
    }
}
