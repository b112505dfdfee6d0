import Foundation
import PosternModel
import Testing

@testable import GatewayCore

/// What nobody should send: the corpus in `Fixtures/HTTP`, each message with its verdict.
@Suite struct HostileHTTPTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let bytes: [UInt8]
        let fields: JSONValue

        var testDescription: String { name }
        var absent: String? { fields["absent"]?.string }
    }

    static func cases(_ file: String) -> [Case] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fixtures/HTTP/\(file)")
        guard let data = try? Data(contentsOf: path), let document = try? JSONValue(parsing: Array(data)) else {
            return []
        }
        return (document["cases"]?.array ?? []).map { entry in
            Case(name: entry["name"]?.string ?? "", bytes: bytes(entry["send"] ?? .null), fields: entry)
        }
    }

    /// Each character is one byte; `{times, of}` repeats.
    private static func bytes(_ value: JSONValue) -> [UInt8] {
        if let text = value.string { return text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
        if let parts = value.array { return parts.flatMap { bytes($0) } }
        let part = bytes(value["of"] ?? "")
        return (0..<Int(value["times"]?.integer ?? 0)).flatMap { _ in part }
    }

    static let requests = cases("requests.json")
    static let responses = cases("responses.json")
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test func `the corpus is there`() {
        #expect(Self.requests.count + Self.responses.count >= 250)
    }

    @Test(arguments: [("listener", Passage.reach), ("exposed", Passage.expose)] as [(String, @Sendable () -> Passage)])
    func `requests have the verdict that the corpus gives`(side: String, passage: @Sendable () -> Passage) {
        for entry in Self.requests {
            // Whole, and in pieces: where bytes are cut is up to who sends them.
            for size in [entry.bytes.count, 7, 1] where size == entry.bytes.count || entry.bytes.count < 2000 {
                Self.check(entry, side, in: passage(), pieces: size)
            }
        }
    }

    private static func check(_ entry: Case, _ side: String, in passage: Passage, pieces size: Int) {
        let comment: Comment = "\(entry.name), \(side), in pieces of \(size)"
        for start in stride(from: 0, to: entry.bytes.count, by: size) {
            passage.ask(Array(entry.bytes[start..<min(start + size, entry.bytes.count)]))
        }
        let count = Int(entry.fields["requests"]?.integer ?? 1)
        if let status = entry.fields[side]?.integer {
            #expect(passage.error?.status == Int(status), comment)
            #expect(passage.outstandingCount <= count, comment)
        } else {
            #expect(passage.error == nil, comment)
            #expect(passage.outstandingCount == count, comment)
            #expect(!passage.holdsPart, comment)
            // What the exposing side removes, the listener may pass on.
            if side == "exposed", let absent = entry.absent {
                #expect(!passage.forwardedText.contains(absent), comment)
            }
        }
    }

    @Test(arguments: [("reach", Passage.reach), ("expose", Passage.expose)] as [(String, @Sendable () -> Passage)])
    func `responses have the verdict that the corpus gives`(side: String, passage: @Sendable () -> Passage) {
        for entry in Self.responses {
            for size in [entry.bytes.count, 7, 1] where size == entry.bytes.count || entry.bytes.count < 2000 {
                Self.check(response: entry, side, in: passage(), pieces: max(size, 1))
            }
        }
    }

    private static func check(response entry: Case, _ side: String, in passage: Passage, pieces size: Int) {
        let comment: Comment = "\(entry.name), \(side), in pieces of \(size)"
        passage.ask("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for start in stride(from: 0, to: entry.bytes.count, by: size) {
            passage.answer(Array(entry.bytes[start..<min(start + size, entry.bytes.count)]))
        }
        let wasWhole = passage.error == nil && passage.outstandingCount == 0
        let fault = passage.error ?? passage.endResponses()
        switch entry.fields["verdict"]?.string {
        case "refuse":
            #expect(fault?.status == 502, comment)
            #expect(!passage.returnedText.contains("HTTP/1.1 200"), comment)
            #expect(passage.answerToLoss(.unavailable) == .respond(toHead: false), comment)
        case "cut":
            #expect(fault != nil, comment)
            #expect(passage.answerToLoss(.unavailable) == .abort, comment)
        case "pass":
            // What comes behind a whole response is an error that no client sees.
            #expect(fault == nil || passage.answerToLoss(.unavailable) == .close, comment)
            #expect(wasWhole || passage.outstandingCount == 0, comment)
        case let other: Issue.record("\(comment): \(other ?? "no verdict")")
        }
        if let absent = entry.absent { #expect(!passage.returnedText.contains(absent), comment) }
    }
}
