import Foundation
import NIOEmbedded
import OverlayCrypto
import PosternModel
import StateStore
import Testing

@testable import postern

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

@Suite struct FileFingerprintTests {
    private let scratch = Scratch()
    private var path: String { scratch.path + "/postern.yaml" }

    @Test func `it differs when the file was written again or replaced, and only then`() throws {
        #expect(FileFingerprint(of: path) == nil)
        try "name: a\n".write(toFile: path, atomically: false, encoding: .utf8)
        let first = try #require(FileFingerprint(of: path))
        #expect(FileFingerprint(of: path) == first)
        try "name: bb\n".write(toFile: path, atomically: false, encoding: .utf8)
        let second = try #require(FileFingerprint(of: path))
        #expect(second != first)
        try "name: cc\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(FileFingerprint(of: path) != second)
    }
}

@Suite struct OfferMemoryTests {
    private let scratch = Scratch()
    private let loop = EmbeddedEventLoop()
    private let peer = try! NodeIdentity(seed: Array(repeating: 1, count: 32)).key

    private var memory: OfferMemory {
        OfferMemory(file: CacheFile(path: scratch.path + "/peers.offers", queue: StateQueue(loop)) { Issue.record($0) })
    }

    @Test func `what a peer offered is known after a restart, until it is forgotten`() {
        var first = memory
        #expect(first.list(of: peer) == nil)
        first.remember([["service": "echo"]], of: peer)
        loop.run()
        var second = memory
        #expect(second.list(of: peer) == [["service": "echo"]])
        second.remember(nil, of: peer)
        loop.run()
        #expect(memory.list(of: peer) == nil)
    }

    @Test func `a file that is no JSON remembers nothing`() throws {
        try "{".write(toFile: scratch.path + "/peers.offers", atomically: true, encoding: .utf8)
        #expect(memory.list(of: peer) == nil)
    }
}
