import Foundation
import NIOEmbedded
import PosternConfiguration
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

@Suite struct ReachPortsTests {
    private let scratch = Scratch()
    private let loop = EmbeddedEventLoop()

    private var ports: ReachPorts {
        ReachPorts(file: CacheFile(path: scratch.path + "/reach.ports", queue: StateQueue(loop)) { Issue.record($0) })
    }

    private func services() throws -> [ReachConfiguration] {
        let surroundings = Surroundings(home: scratch.path, workingDirectory: scratch.path, hostName: "a")
        let text = "reach:\n  - peer: bob\n    service: tools\n  - peer: bob\n    service: chat\n"
        return try ConfigurationFile<SidecarConfiguration>(text: text, path: nil, surroundings: surroundings).settings
            .reach
    }

    @Test func `a service keeps its port over restarts, and no other gets it`() throws {
        let (tools, chat) = (try services()[0], try services()[1])
        var first = ports
        let port = try #require(first.candidates(for: chat).first)
        first.remember(port, for: tools)
        loop.run()
        #expect(ports.candidates(for: tools).first == port)
        #expect(!ports.candidates(for: chat).contains(port))
    }

    @Test func `a file that is no JSON remembers nothing`() throws {
        try "{".write(toFile: scratch.path + "/reach.ports", atomically: true, encoding: .utf8)
        #expect(try !ports.candidates(for: services()[0]).isEmpty)
    }
}
