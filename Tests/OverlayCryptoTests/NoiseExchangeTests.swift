import Foundation
import PosternModel
import Testing

@testable import OverlayCrypto

@Suite("A live Noise exchange")
struct NoiseExchangeTests {
    private static let peer = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Interoperability/noise_peer.py")

    private static let secrets = (
        initiator: String(repeating: "11", count: 32), responder: String(repeating: "22", count: 32)
    )
    private static let payloads = ["", "68656c6c6f", String(repeating: "ab", count: 2000), "00"]
    private static let psk = String(repeating: "5a", count: 32)

    private func responderKey() throws -> String {
        try Hex.encode(ExchangeKeyPair(secretBytes: #require(Hex.decode(Self.secrets.responder))).publicKey.bytes)
    }

    private func initiator(psk: String = psk, prologue: String = "70726f") throws -> NoiseExchange {
        try NoiseExchange(
            role: "initiator",
            staticSecret: Self.secrets.initiator,
            remoteStatic: responderKey(),
            psk: psk,
            prologue: prologue,
            ephemeralSecret: String(repeating: "33", count: 32),
            payloads: Self.payloads
        )
    }

    private func responder(psk: String = psk, prologue: String = "70726f") throws -> NoiseExchange {
        try NoiseExchange(
            role: "responder",
            staticSecret: Self.secrets.responder,
            psk: psk,
            prologue: prologue,
            ephemeralSecret: String(repeating: "44", count: 32)
        )
    }

    @Test func `two of our own agree`() throws {
        var first = try initiator()
        var second = try responder()
        var lines = try first.begin()
        var count = 0
        while let line = lines.first, count < 100 {
            count += 1
            lines = try count % 2 == 1 ? second.receive(line) : first.receive(line)
        }
        let areFinished = (first.isFinished, second.isFinished)
        #expect(areFinished == (true, true))
        #expect(count == 2 * Self.payloads.count + 2)
    }

    @Test func `another secret or prologue ends the exchange`() throws {
        var first = try initiator()
        var second = try responder(psk: "")
        let line = try #require(try first.begin().first)
        #expect(throws: NoiseExchange.Failure.crypto(.authenticationFailed)) { _ = try second.receive(line) }
        var third = try responder(prologue: "")
        #expect(throws: NoiseExchange.Failure.crypto(.authenticationFailed)) { _ = try third.receive(line) }
        let isFinished = first.isFinished
        #expect(!isFinished)
    }

    @Test func `a line out of turn ends the exchange`() throws {
        var first = try initiator()
        var second = try responder()
        #expect(throws: NoiseExchange.Failure.unexpectedLine("hash 00")) { _ = try second.receive("hash 00") }
        #expect(throws: NoiseExchange.Failure.unexpectedLine("xyz")) { _ = try second.receive("xyz") }
        let line = try #require(try first.begin().first)
        #expect(throws: (any Error).self) { _ = try first.receive(line) }
    }

    @Test(.enabled(if: Python.path != nil, "POSTERN_TEST_PYTHON names no Python with noiseprotocol"))
    func `our initiator talks with noiseprotocol's responder`() throws {
        let process = try Python.process(
            Self.peer,
            ["responder", "--static", Self.secrets.responder, "--psk", Self.psk, "--prologue", "70726f"]
        )
        var exchange = try initiator()
        try converse(process, &exchange)
        let isFinished = exchange.isFinished
        #expect(isFinished)
        #expect(process.terminationStatus == 0)
    }

    @Test(.enabled(if: Python.path != nil, "POSTERN_TEST_PYTHON names no Python with noiseprotocol"))
    func `our responder talks with noiseprotocol's initiator`() throws {
        var arguments = ["initiator", "--static", Self.secrets.initiator, "--psk", Self.psk, "--prologue", "70726f"]
        arguments += try ["--remote-static", responderKey()]
        for payload in Self.payloads { arguments += ["--payload", payload] }
        let process = try Python.process(Self.peer, arguments)
        var exchange = try responder()
        try converse(process, &exchange)
        let isFinished = exchange.isFinished
        #expect(isFinished)
        #expect(process.terminationStatus == 0)
    }

    /// Carries lines between `process` and `exchange` until the process closes its output.
    private func converse(_ process: Process, _ exchange: inout NoiseExchange) throws {
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        func send(_ lines: [String]) throws {
            for line in lines { try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }
        }
        try send(exchange.begin())
        var buffer = Data()
        while true {
            let chunk = output.fileHandleForReading.availableData
            guard !chunk.isEmpty else { break }
            buffer += chunk
            while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer = Data(buffer[(end + 1)...])
                try send(exchange.receive(line))
            }
        }
        process.waitUntilExit()
    }
}
