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

    private func open(_ owner: NodeIdentity = identity(1), hasRun: Bool = false) throws -> AuditFile {
        if !hasRun { try AuditFile.begin(path: path, by: owner) }
        return try AuditFile(path: path, identity: owner, queue: StateQueue(loop)) { Issue.record($0) }
    }

    private func verdict(_ owner: AuditOwner = .node(identity(1))) throws -> AuditVerdict {
        try AuditVerifier(path: path, owner: owner).verdict()
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
        try AuditFile.begin(path: path, by: identity(1))
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
        guard case .intact(let head, _) = try verdict() else {
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
        guard case .intact(let head, _) = try verdict() else {
            Issue.record("broken")
            return
        }
        #expect(head.sequence > Int64(lines.count))
        let foreign = try verdict(.key(identity(2).key))
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
        guard case .broken(_, in: middle) = try verdict() else {
            Issue.record("damage is not found")
            return
        }
        try FileManager.default.removeItem(atPath: middle)
        guard
            case .broken(AuditFault(line: 1, reason: .outOfSequence), in: _?) =
                try verdict()
        else {
            Issue.record("a gap is not found")
            return
        }
    }

    @Test func `a process that ends between two files goes on behind the closed one`() throws {
        try record(3)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".3")
        try record(2)
        guard case .intact(let head, _) = try verdict() else {
            Issue.record("broken")
            return
        }
        #expect(head.sequence == 6, "three entries, the continuation, and two")
    }

    @Test func `the trail goes on after a restart as one chain (R11)`() throws {
        for _ in 0..<3 { try record(2) }
        guard case .intact(let head, _) = try verdict() else {
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
        #expect(try signedHead().head.sequence == 0, "not signed yet")
        loop.advanceTime(by: .seconds(1))
        #expect(try signedHead().head.sequence == 3)
    }

    @Test func `an edited file is refused at the start, with the line (R11, S5)`() throws {
        try record(3)
        var lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        lines[1] = lines[1].replacingOccurrences(of: #""subject":"1""#, with: #""subject":"x""#)
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: AuditError.broken(AuditFault(line: 2, reason: .edited), path: path)) { _ = try open() }
    }

    @Test func `a file cut at a line's end is noticed by the signed head (S5)`() throws {
        try record(3)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let lines = text.split(separator: "\n").prefix(2).joined(separator: "\n") + "\n"
        try lines.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try verdict(.anybody) == .broken(AuditFault(line: 2, reason: .cut(1))))
    }

    @Test func `a head that somebody else signed does not count`() throws {
        try record(1)
        #expect(try verdict(.key(identity(2).key)) == .broken(AuditFault(line: 0, reason: .wrongHead)))
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

    private func signedHead() throws -> AuditSeal {
        try AuditSeal(verifying: Array(try #require(FileManager.default.contents(atPath: path + ".head"))))
    }

    private func lines() throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private func write(_ lines: [String]) throws {
        try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test func `a head that is deleted or emptied, with or without the log, is a broken trail (S5)`() throws {
        try record(3)
        let text = try lines()
        let noHead = AuditFault(line: 0, reason: .noHead)
        for log in [text, []] {
            try write(log)
            for head in [Data?.none, Data()] {
                try? FileManager.default.removeItem(atPath: path + ".head")
                if let head { try head.write(to: URL(fileURLWithPath: path + ".head")) }
                #expect(try verdict() == .broken(noHead))
                #expect(throws: AuditError.broken(noHead, path: path)) { _ = try open(hasRun: true) }
                #expect(throws: AuditError.broken(noHead, path: path)) { _ = try open() }
            }
        }
        try? FileManager.default.removeItem(atPath: path + ".head")
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: AuditError.broken(noHead, path: path)) { _ = try open(hasRun: true) }
    }

    @Test func `a log that is emptied, cut, written anew or gone is a broken trail (S5)`() throws {
        try record(3)
        let text = try lines()
        for count in 0..<3 {
            try write(Array(text.prefix(count)))
            let fault = AuditFault(line: count, reason: .cut(Int64(3 - count)))
            #expect(try verdict() == .broken(fault))
            #expect(throws: AuditError.broken(fault, path: path)) { _ = try open() }
        }
        var chain = AuditChain()
        let event = AuditEvent(.started, actor: identity(1).key, subject: "other")
        try write((0..<4).map { _ in chain.append(event, at: Timestamp(seconds: 1)) })
        #expect(try verdict() == .broken(AuditFault(line: 3, reason: .wrongHead)))
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: AuditError.broken(AuditFault(line: 0, reason: .cut(3)), path: path)) { _ = try open() }
    }

    @Test func `a forged line behind the head is refused, the node's own are not (S5)`() throws {
        try record(3)
        let head = try Data(contentsOf: URL(fileURLWithPath: path + ".head"))
        try record(2)
        try head.write(to: URL(fileURLWithPath: path + ".head"))
        let text = try lines()
        #expect(try verdict() == .intact(try AuditChain.verify(Array((text.joined(separator: "\n")).utf8)).head))
        guard case .intact(_, unvouchedCount: 2) = try verdict(.key(identity(1).key)) else {
            Issue.record("who has no key cannot tell whose the last lines are")
            return
        }
        var forger = AuditChain()
        for line in text { try forger.verify(line: Array(line.utf8)) }
        let event = AuditEvent(.stopped, actor: identity(1).key, subject: "x")
        try write(text + [forger.append(event, at: Timestamp(seconds: 1))])
        #expect(try verdict() == .broken(AuditFault(line: 6, reason: .unsealed)))
        #expect(throws: AuditError.broken(AuditFault(line: 6, reason: .unsealed), path: path)) { _ = try open() }
    }

    @Test func `the oldest parts cannot be taken away: the head names the first that is kept (S5)`() throws {
        try recordInParts(20)
        let oldest = try parts()[0]
        try FileManager.default.removeItem(atPath: scratch.path + "/" + oldest)
        #expect(try verdict() == .broken(AuditFault(line: 0, reason: .missingParts)))
        for part in try parts() { try FileManager.default.removeItem(atPath: scratch.path + "/" + part) }
        #expect(throws: AuditError.self) { _ = try open() }
    }

    @Test func `a broken trail goes on behind an entry that says what was found, and is kept (S5)`() throws {
        try record(3)
        let text = try lines()
        try write([text[0], text[2]])
        let time = Timestamp(seconds: 1_795_000_000)
        let restarted = try #require(try AuditFile.restart(path: path, identity: identity(1), at: time))
        #expect(restarted.found.hasPrefix("line 2: ") && restarted.sequence == 4)
        let kept = try #require(restarted.keptAt)
        #expect(try String(contentsOfFile: kept + "/audit.jsonl", encoding: .utf8) == "\(text[0])\n\(text[2])\n")
        #expect(FileManager.default.fileExists(atPath: kept + "/audit.jsonl.head"))
        try record(1)
        guard case .intact(let head, _) = try verdict() else {
            Issue.record("the new trail is broken: \(try verdict())")
            return
        }
        #expect(head.sequence == 5)
        let first = try JSONValue(parsing: lines()[0])
        #expect(first["action"] == "audit.restart" && first["old"]?["found"]?.string == restarted.found)
        #expect(try AuditFile.restart(path: path, identity: identity(1), at: time) == nil, "it is intact now")
        try recordInParts(10)
        guard case .intact = try verdict() else {
            Issue.record("a trail that was begun anew cannot be closed: \(try verdict())")
            return
        }
    }

    @Test func `where nothing is left of a trail, that is what is recorded`() throws {
        let restarted = try AuditFile.restart(path: path, identity: identity(1), at: Timestamp(seconds: 5))
        #expect(restarted?.keptAt == nil && restarted?.sequence == 1)
        #expect(try open(hasRun: true).isNew == false)
    }
}
