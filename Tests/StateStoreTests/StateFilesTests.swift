import Foundation
import NIOCore
import NIOEmbedded
import OverlayCrypto
import OverlayNIO
import PosternModel
import SidecarCore
import SidecarNIO
import Testing
import TrustCore

@testable import StateStore

/// A directory of its own, gone with the value.
private final class Scratch {
    let path: String

    init() {
        let url = FileManager.default.temporaryDirectory.appending(path: "postern-test-\(UUID().uuidString)")
        try! FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

private func identity(_ number: UInt8) -> NodeIdentity {
    try! NodeIdentity(seed: Array(repeating: number, count: 32))
}

private func fact(_ number: Int) -> TrustFact { .named(identity(1).key, "name-\(number)") }

@Suite struct StateFileTests {
    private let scratch = Scratch()

    @Test func `a file is made once, and one that is there is never changed`() throws {
        let path = scratch.path + "/file"
        #expect(try StateFile.create(path, with: [1, 2, 3]))
        #expect(try !StateFile.create(path, with: [4]))
        #expect(try StateFile(reading: path).readAll() == [1, 2, 3])
        #expect(try StateFile(reading: path).readAll(limit: 2) == [1, 2])
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["file"], "no draft stays")
        #expect(SystemFile.mode(of: path)?.permissions == 0o600)
    }

    @Test func `what is not there cannot be read, and is not made by that`() {
        let path = scratch.path + "/none"
        #expect(throws: StateFileError.self) { _ = try StateFile(reading: path) }
        #expect(SystemFile.mode(of: path) == nil)
    }
}

@Suite struct JournalFileTests {
    private let scratch = Scratch()
    private var path: String { scratch.path + "/trust.journal" }

    @Test func `what was appended is there after the process has ended`() throws {
        do {
            let (journal, facts, _) = try JournalFile.open(path: path)
            #expect(facts.isEmpty)
            for number in 0..<5 { try journal.append([fact(number), fact(number + 100)]) }
        }
        let (_, facts, cut) = try JournalFile.open(path: path)
        #expect(facts == (0..<5).flatMap { [fact($0), fact($0 + 100)] } && cut == 0)
    }

    @Test func `a file cut at any byte opens with every whole line, and goes on from there`() throws {
        do {
            let (journal, _, _) = try JournalFile.open(path: path)
            for number in 0..<3 { try journal.append([fact(number)]) }
        }
        let whole = try Data(contentsOf: URL(filePath: path))
        let ends = whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        for count in 0...whole.count {
            try whole.prefix(count).write(to: URL(filePath: path))
            let lineCount = ends.filter { $0 <= count }.count
            do {
                let (journal, facts, cut) = try JournalFile.open(path: path)
                #expect(facts == (0..<lineCount).map(fact))
                #expect(cut == count - (ends.last { $0 <= count } ?? 0))
                try journal.append([fact(9)])
            }
            let (_, facts, cut) = try JournalFile.open(path: path)
            #expect(facts == (0..<lineCount).map(fact) + [fact(9)] && cut == 0)
        }
    }

    @Test func `damage before the last line is refused, and the line is named`() throws {
        do {
            let (journal, _, _) = try JournalFile.open(path: path)
            for number in 0..<3 { try journal.append([fact(number)]) }
        }
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[30] ^= 1
        try bytes.write(to: URL(filePath: path))
        let error = #expect(throws: StateFileError.self) { _ = try JournalFile.open(path: path) }
        #expect(error?.message.contains("line 1") == true)
        #expect(try Data(contentsOf: URL(filePath: path)) == bytes, "nothing was changed")
    }

    @Test func `compaction replaces the content in one step, and appends go on`() throws {
        do {
            let (journal, _, _) = try JournalFile.open(path: path)
            for number in 0..<9 { try journal.append([fact(number)]) }
            try journal.compact(to: [fact(8)])
            try journal.append([fact(10)])
        }
        let (_, facts, _) = try JournalFile.open(path: path)
        #expect(facts == [fact(8), fact(10)])
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
    }

    @Test func `two processes cannot use one journal, and nobody else can read it`() throws {
        let (journal, _, _) = try JournalFile.open(path: path)
        try journal.append([fact(1)])
        #expect(throws: StateFileError.self) { _ = try JournalFile.open(path: path) }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }
}

@Suite struct AuditFileTests {
    private let scratch = Scratch()
    private let loop = EmbeddedEventLoop()
    private var path: String { scratch.path + "/audit.jsonl" }

    private func open(_ owner: NodeIdentity = identity(1)) throws -> AuditFile {
        try AuditFile(path: path, identity: owner, eventLoop: loop) { Issue.record($0) }
    }

    private func record(_ count: Int) throws {
        let audit = try open()
        for number in 0..<count {
            audit.record(AuditEvent(.trustGiven, actor: identity(1).key, subject: "\(number)"), at: Clocks.now().wall)
        }
        audit.flush()
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

@Suite struct ReplayFloorFileTests {
    private let scratch = Scratch()
    private var path: String { scratch.path + "/replay.floors" }

    @Test func `floors only rise, and are there after the process has ended (S4)`() throws {
        let keys = (UInt8(1)...5).map { identity($0).key }
        do {
            let floors = try ReplayFloorFile(path: path)
            for (number, key) in keys.enumerated() {
                try floors.raise(key, to: UInt64(number) * 1_000 + 7)
                try floors.raise(key, to: 3)
            }
            try floors.raise(keys[0], to: .max)
        }
        let floors = try ReplayFloorFile(path: path)
        #expect(keys.map { floors.floor(of: $0) } == [.max, 1_007, 2_007, 3_007, 4_007])
        #expect(floors.floor(of: identity(9).key) == 0)
        #expect(try Data(contentsOf: URL(filePath: path)).count == 5 * 48)
    }

    @Test func `a slot that was not written whole is empty, and the others stand`() throws {
        do {
            let floors = try ReplayFloorFile(path: path)
            try floors.raise(identity(1).key, to: 1)
            try floors.raise(identity(2).key, to: 2)
        }
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[39] ^= 1
        try bytes.dropLast(0).write(to: URL(filePath: path))
        let floors = try ReplayFloorFile(path: path)
        #expect(floors.floor(of: identity(1).key) == 0 && floors.floor(of: identity(2).key) == 2)
        try floors.raise(identity(1).key, to: 9)
        #expect(try ReplayFloorFile(path: path).floor(of: identity(1).key) == 9)
    }
}
