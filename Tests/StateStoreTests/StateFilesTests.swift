import Foundation
import NIOCore
import NIOEmbedded
import OverlayCrypto
import PosternModel
import Synchronization
import Testing
import TrustCore

@testable import StateStore

/// A directory of its own, gone with the value.
final class Scratch {
    let path: String

    init() {
        let url = FileManager.default.temporaryDirectory.appending(path: "postern-test-\(UUID().uuidString)")
        try! FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

func identity(_ number: UInt8) -> NodeIdentity {
    try! NodeIdentity(seed: Array(repeating: number, count: 32))
}

/// What was told, in order, from whatever thread.
final class Outcomes: Sendable {
    private let told = Mutex<[Int]>([])

    var numbers: [Int] { told.withLock { $0 } }

    func add(_ number: Int) { told.withLock { $0.append(number) } }

    func add(_ number: Int, _ result: Result<JournalFile.Written, StateFileError>) {
        if case .success = result { add(number) }
    }
}

@Suite struct StateFileTests {
    private let scratch = Scratch()

    @Test func `a file is made once, and one that is there is never changed`() throws {
        let path = scratch.path + "/file"
        #expect(try StateFile.create(path, with: [1, 2, 3]))
        #expect(try !StateFile.create(path, with: [4]))
        #expect(try StateFile(reading: path).readAll() == [1, 2, 3])
        #expect(try StateFile(reading: path).readAll(limit: 2) == [1, 2])
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["file"], "no draft stays")
        #expect(SystemFile.status(of: path)?.permissions == 0o600)
    }

    @Test func `what is not there cannot be read, and is not made by that`() {
        let path = scratch.path + "/none"
        #expect(throws: StateFileError.self) { _ = try StateFile(reading: path) }
        #expect(SystemFile.status(of: path) == nil)
    }
}

/// What became of an append.
private final class Outcome: Sendable {
    private let result = Mutex<Result<JournalFile.Written, StateFileError>?>(nil)

    var value: Result<JournalFile.Written, StateFileError>? { result.withLock { $0 } }

    func set(_ value: Result<JournalFile.Written, StateFileError>) { result.withLock { $0 = value } }
}

/// A journal on a queue that runs when it is told to.
private final class Journal {
    let loop = EmbeddedEventLoop()
    let file: JournalFile
    private(set) var lines: [String] = []
    private(set) var cutByteCount = 0

    init(_ path: String, isNew: Bool = false, refusing word: String? = nil) throws {
        var found: [String] = []
        let opened = try JournalFile.open(
            path: path,
            identity: identity(1),
            isNew: try isNew || JournalFile.isUnused(path),
            queue: StateQueue(loop),
            failed: { Issue.record($0) },
            validate: { reading throws(JournalFault) in
                found = reading.contents.map { String(decoding: $0, as: UTF8.self) }.filter { $0 != "[]" }
                if let word, found.contains(word) { throw JournalFault(line: 1, reason: .unreadable(.malformed)) }
            }
        )
        file = opened.journal
        cutByteCount = opened.cutByteCount
        lines = found
    }

    /// Appends a line and returns what became of it.
    @discardableResult
    func append(_ line: String, minimum: Int64 = 0, base: String? = nil) throws -> JournalFile.Written {
        let outcome = Outcome()
        var replacement: (@Sendable () -> [UInt8])?
        if let base { replacement = { Array(base.utf8) } }
        file.append(Array(line.utf8), minimum: minimum, base: replacement) { result in
            outcome.set(result)
        }
        loop.run()
        return try #require(outcome.value).get()
    }
}

@Suite struct JournalFileTests {
    private let scratch = Scratch()
    private var path: String { scratch.path + "/trust.journal" }

    @Test func `what was appended is there after the process has ended`() throws {
        do {
            let journal = try Journal(path)
            #expect(journal.lines.isEmpty)
            for number in 0..<5 { try journal.append("line \(number)") }
        }
        let journal = try Journal(path)
        #expect(journal.lines == (0..<5).map { "line \($0)" } && journal.cutByteCount == 0)
    }

    @Test func `of a broken journal what no seal covers is sealed only where it is genuine`() throws {
        func former(_ line: String) -> String {
            "\(Hex.encode(Hash.blake2b(Array(line.utf8), byteCount: 8))) \(line)\n"
        }
        do { try Journal(path).append("sealed") }
        let sealed = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").suffix(1)
        let text = former("good") + former("forged") + sealed.joined() + "\n"
        try Data(text.utf8).write(to: URL(filePath: path))
        let repaired = try JournalFile.repair(
            path: path,
            identity: identity(1),
            isGenuine: { String(decoding: $0, as: UTF8.self) == "good" },
            adding: { Array("after \($0)".utf8) }
        )
        #expect(repaired?.lineCount == 2)
        #expect(try Journal(path).lines == ["good", "sealed", "after 2"])
    }

    @Test func `what is put aside is read again, and has no name`() throws {
        let file = try AsideFile(in: StateDirectory(path: scratch.path))
        let parts = (0..<9).map { [UInt8](repeating: $0, count: 70_000 + Int($0)) }
        let places = parts.map { file.append($0) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
        for (part, place) in zip(parts, places) {
            #expect(file.bytes(at: try #require(place), count: part.count) == part)
        }
        #expect(file.bytes(at: try #require(places[8]) + 1, count: parts[8].count) == nil, "that is beyond its end")
    }

    @Test func `nothing is written before its turn on the queue, and then in order`() throws {
        let journal = try Journal(path)
        let opening = FileManager.default.contents(atPath: path)
        let done = Outcomes()
        for number in 0..<3 { journal.file.append(Array("\(number)".utf8)) { done.add(number, $0) } }
        #expect(done.numbers.isEmpty && FileManager.default.contents(atPath: path) == opening)
        journal.loop.run()
        #expect(done.numbers == [0, 1, 2])
        journal.file.close()
        journal.loop.run()
        #expect(try Journal(path).lines == ["0", "1", "2"])
    }

    /// The state that a kill leaves while the line `count` is written, of which `rest` bytes have reached the file.
    private func kill(_ whole: Data, _ marks: [Data], after count: Int, rest: Int, lag: Int) throws {
        let ends = [0] + whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        try whole.prefix(ends[count] + rest).write(to: URL(filePath: path))
        try marks[count - 1 - lag].write(to: URL(filePath: JournalFile.markPath(of: path)))
    }

    @Test func `a kill at any byte of a line, or before its signature, loses nothing that was acknowledged`() throws {
        var marks: [Data] = []
        do {
            let journal = try Journal(path)
            func note() throws { marks.append(try Data(contentsOf: URL(filePath: JournalFile.markPath(of: path)))) }
            try note()
            for number in 0..<3 {
                try journal.append("line \(number)")
                try note()
            }
        }
        let whole = try Data(contentsOf: URL(filePath: path))
        let size = try #require(whole.lastIndex(of: UInt8(ascii: "\n"))) + 1 - whole.count / 4 * 3
        for count in 1...3 {
            for rest in stride(from: 0, to: size - 1, by: 7) {
                for lag in 0...(count > 1 ? 1 : 0) {
                    try kill(whole, marks, after: count, rest: rest, lag: lag)
                    let lines = (0..<count - 1).map { "line \($0)" }
                    do {
                        let journal = try Journal(path)
                        #expect(journal.lines == lines && journal.cutByteCount == rest)
                        try journal.append("more")
                    }
                    #expect(try Journal(path).lines == lines + ["more"])
                }
            }
        }
    }

    @Test func `a line that is missing is told with what to do, and nothing is changed (N19)`() throws {
        do {
            let journal = try Journal(path)
            for number in 0..<3 { try journal.append("line \(number)") }
        }
        let whole = try Data(contentsOf: URL(filePath: path))
        let lines = whole.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for position in 0..<4 {
            var rest = lines
            rest.remove(at: position)
            let bytes = Data(rest.joined(separator: [UInt8(ascii: "\n")]))
            try bytes.write(to: URL(filePath: path))
            let error = #expect(throws: JournalOpenError.self) { _ = try Journal(path) }
            guard case .broken(let fault, path) = try #require(error) else {
                Issue.record("the file is usable")
                continue
            }
            #expect(fault.reason == (position == 3 ? .cut(1) : .outOfOrder))
            #expect(Problem(try #require(error)).code == "journal-broken")
            #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
        }
        try whole.write(to: URL(filePath: path))
        for mark in [Data(), Data("{}".utf8)] {
            try mark.write(to: URL(filePath: JournalFile.markPath(of: path)))
            #expect(throws: JournalOpenError.broken(JournalFault(line: 0, reason: .noMark), path: path)) {
                _ = try Journal(path)
            }
        }
    }

    @Test func `a journal that is gone is noticed by a node that has had one (N19)`() throws {
        #expect(throws: JournalOpenError.broken(JournalFault(line: 0, reason: .noMark), path: path)) {
            _ = try JournalFile.open(
                path: path,
                identity: identity(1),
                isNew: false,
                queue: StateQueue(EmbeddedEventLoop()),
                failed: { Issue.record($0) },
                validate: { _ in }
            )
        }
    }

    @Test func `a journal of a former version is read once and goes on with sealed lines`() throws {
        let text = ["[1]", "[2]"].map { content in
            "\(Hex.encode(Hash.blake2b(Array(content.utf8), byteCount: 8))) \(content)\n"
        }
        try Data(text.joined().utf8).write(to: URL(filePath: path))
        do {
            let journal = try Journal(path, isNew: true)
            #expect(journal.lines == ["[1]", "[2]"])
            try journal.append("[3]")
        }
        #expect(try Journal(path).lines == ["[1]", "[2]", "[3]"])
        let sealed = try String(contentsOfFile: path, encoding: .utf8).dropFirst(text[0].count)
        try Data(sealed.utf8).write(to: URL(filePath: path))
        #expect(throws: JournalOpenError.self) { _ = try Journal(path, isNew: true) }
    }

    @Test func `content that its owner refuses is left as it is`() throws {
        do { try Journal(path).append("damaged") }
        let bytes = try Data(contentsOf: URL(filePath: path)) + Data("half".utf8)
        try bytes.write(to: URL(filePath: path))
        #expect(throws: JournalOpenError.self) { _ = try Journal(path, refusing: "damaged") }
        #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
    }

    @Test func `numbers can leap, and the end that is signed is told`() throws {
        let journal = try Journal(path)
        #expect(try journal.append("a").head.sequence == 2)
        let written = try journal.append("b", minimum: 70)
        #expect(written.head.sequence == 70)
        let text = try #require(FileManager.default.contents(atPath: JournalFile.markPath(of: path)))
        #expect(try StateMark(verifying: JSONValue(parsing: Array(text))).head == written.head)
        #expect(try journal.append("c", base: "all").head.sequence == 71)
    }

    @Test func `a base replaces the content in one step, and appends go on`() throws {
        do {
            let journal = try Journal(path)
            for number in 0..<9 { try journal.append("line \(number)") }
            try journal.append("line 9", base: "everything")
            try journal.append("line 10")
        }
        #expect(try Journal(path).lines == ["everything", "line 10"])
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
    }

    @Test func `where the base cannot be written the line is appended`() throws {
        do {
            let journal = try Journal(path)
            try journal.append("line 0")
            try FileManager.default.createDirectory(atPath: path + ".new", withIntermediateDirectories: false)
            #expect(try journal.append("line 1", base: "everything").compactionFailure?.operation == "open")
        }
        #expect(try Journal(path).lines == ["line 0", "line 1"])
    }

    @Test func `compaction is due when the journal has grown to twice what it was`() throws {
        let journal = try Journal(path)
        let line = String(repeating: "x", count: 100 << 10)
        #expect(try !journal.append(line).needsCompaction)
        #expect(try !journal.append(line).needsCompaction)
        #expect(try journal.append(line).needsCompaction)
        #expect(try !journal.append(line, base: line).needsCompaction)
    }

    @Test func `two processes cannot use one journal, and nobody else can read it`() throws {
        let journal = try Journal(path)
        try journal.append("line")
        let error = #expect(throws: JournalOpenError.self) { _ = try Journal(path) }
        guard case .unusable(let failure) = try #require(error) else {
            Issue.record("another process opened it")
            return
        }
        #expect(failure.operation == "lock")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }
}

@Suite struct CacheFileTests {
    private let scratch = Scratch()
    private var path: String { scratch.path + "/cache" }

    @Test func `the latest content is written, and what it replaced while it waited is not`() throws {
        let loop = EmbeddedEventLoop()
        let cache = CacheFile(path: path, queue: StateQueue(loop)) { Issue.record($0) }
        #expect(cache.load() == [])
        cache.save([1])
        cache.save([2])
        #expect(cache.load() == [], "nothing is written before its turn")
        loop.run()
        #expect(cache.load() == [2])
        cache.save([3])
        loop.run()
        #expect(CacheFile(path: path, queue: StateQueue(loop)) { Issue.record($0) }.load() == [3])
        #expect(SystemFile.status(of: path)?.permissions == 0o600)
    }

    @Test func `a failure is told, and the next version is tried again`() throws {
        let loop = EmbeddedEventLoop()
        let failures = Outcomes()
        let folder = scratch.path + "/folder"
        let cache = CacheFile(path: folder + "/cache", queue: StateQueue(loop)) { _ in failures.add(0) }
        cache.save([1])
        loop.run()
        #expect(failures.numbers == [0])
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        cache.save([2])
        loop.run()
        #expect(failures.numbers == [0] && cache.load() == [2])
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
