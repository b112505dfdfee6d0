import Foundation
import PosternModel
import Testing

@testable import OverlayCrypto

@Suite("Noise against another implementation's vectors")
struct NoiseVectorsTests {
    private static let file = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/Vectors/noise-ikpsk1.json")

    @Test func `every vector that noiseprotocol made is reproduced on both sides`() throws {
        let text = try String(contentsOf: Self.file, encoding: .utf8)
        let result = NoiseVectors.run(json: text)
        #expect(result.failures == [])
        #expect(result.passed == 9)
        #expect(result.failed == 0)
        #expect(result.skipped == 0)
    }

    @Test func `the initiator and the responder of sessions give the bytes of the vectors`() throws {
        let document = try JSONValue(parsing: String(contentsOf: Self.file, encoding: .utf8))
        let vectors = try #require(document["vectors"]?.array)
        var count = 0
        for vector in vectors where vector["protocol_name"]?.string == "Noise_IKpsk1_25519_ChaChaPoly_BLAKE2b" {
            try check(vector)
            count += 1
        }
        #expect(count == 7)
    }

    /// Plays `vector` with the types that sessions use, from the Ed25519 seeds on.
    private func check(_ vector: JSONValue) throws {
        func hex(_ key: String) throws -> [UInt8] { try #require(vector[key]?.string.flatMap { Hex.decode($0) }) }
        let messages = try #require(vector["messages"]?.array)
        func message(_ position: Int, _ key: String) throws -> [UInt8] {
            try #require(messages[position][key]?.string.flatMap { Hex.decode($0) })
        }
        let first = try NodeIdentity(seed: hex("init_seed"))
        let second = try NodeIdentity(seed: hex("resp_seed"))
        #expect(try second.exchangeKey.bytes == hex("init_remote_static"))
        let pskText = try #require(vector["init_psks"]?.array?.first?.string)
        let psk = try #require(Hex.decode(pskText).flatMap { PreSharedKey(bytes: $0) })
        var initiator = try NoiseInitiator(
            identity: first,
            responder: second.exchangeKey,
            psk: psk,
            prologue: hex("init_prologue"),
            ephemeral: ExchangeKeyPair(secretBytes: hex("init_ephemeral"))
        )
        var responder = NoiseResponder(identity: second, prologue: try hex("resp_prologue"))

        let message1 = try written { writer in
            try initiator.writeMessage1(payload: message(0, "payload"), to: &writer)
        }
        #expect(try message1.bytes == message(0, "ciphertext"))
        #expect(try responder.readSender(of: message1.bytes) == first.exchangeKey)
        #expect(try responder.readMessage1(psk: psk) == message(0, "payload"))
        let message2 = try written { writer in
            try responder.writeMessage2(
                payload: message(1, "payload"),
                to: &writer,
                ephemeral: ExchangeKeyPair(secretBytes: hex("resp_ephemeral"))
            )
        }
        #expect(try message2.bytes == message(1, "ciphertext"))
        let answer = try initiator.readMessage2(message2.bytes)
        #expect(try answer.payload == message(1, "payload"))
        #expect(try answer.secrets.handshakeHash == hex("handshake_hash"))
        #expect(try message2.result.handshakeHash == hex("handshake_hash"))
    }

    @Test(arguments: ["IK", "IKpsk1"])
    func `a changed vector is reported as failed`(_ pattern: String) throws {
        let text = try String(contentsOf: Self.file, encoding: .utf8)
        let document = try JSONValue(parsing: text)
        let vectors = try #require(document["vectors"]?.array)
        let name = "Noise_\(pattern)_25519_ChaChaPoly_BLAKE2b"
        let vector = try #require(vectors.first { $0["protocol_name"]?.string == name }?.object)
        var changed = vector
        changed["handshake_hash"] = "00"
        var messages = try #require(vector["messages"]?.array)
        var last = try #require(messages.last?.object)
        last["payload"] = "ffff"
        messages[messages.count - 1] = .object(last)
        var altered = vector
        altered["messages"] = .array(messages)
        var short = vector
        short["messages"] = .array(Array(messages.prefix(1)))
        var broken = vector
        broken["init_static"] = "zz"
        let all = JSONValue.array([changed, altered, short, broken, vector].map { .object($0) })
        let result = NoiseVectors.run(json: all.compactText)
        #expect(result.passed == 1)
        #expect(result.failed == 4)
        #expect(result.failures.count == 4)
        #expect(result.failures.allSatisfy { $0.contains(name) })
    }

    @Test func `protocols of other algorithms are skipped and counted`() {
        let names = [
            "Noise_IK_448_ChaChaPoly_BLAKE2b", "Noise_IK_25519_ChaChaPoly_BLAKE2s",
            "Noise_XXfallback_25519_AESGCM_SHA256",
            "NoisePSK_NN_25519_ChaChaPoly_BLAKE2b", "Noise_ZZ_25519_ChaChaPoly_BLAKE2b",
        ]
        let vectors = names.map { name in JSONValue.object(["name": .string(name), "messages": []]) }
        let result = NoiseVectors.run(json: JSONValue.object(["vectors": .array(vectors)]).compactText)
        #expect(result.skipped == names.count)
        #expect(result.failed == 0)
        #expect(result.passed == 0)
    }

    @Test(arguments: ["", "[", "{}", "7", "{\"vectors\": 3}", "[{\"protocol_name\": \"Noise\"}]"])
    func `a text that holds no vectors is one failure`(_ text: String) {
        let result = NoiseVectors.run(json: text)
        #expect(result.failed == 1)
        #expect(result.failures.count == 1)
    }

    @Test(.enabled(if: Python.path != nil, "POSTERN_TEST_PYTHON names no Python with noiseprotocol"))
    func `every pattern and algorithm that noiseprotocol has agrees with it`() throws {
        let script = Self.file.deletingLastPathComponent().appendingPathComponent("generate-noise.py")
        let output = try Python.run(script, ["--all"])
        let result = NoiseVectors.run(json: output)
        #expect(result.failures == [])
        // A quarter is of BLAKE2s; AESGCM takes hardware.
        let total = result.passed + result.skipped
        #expect(total > 300)
        #expect(hasHardwareAES() ? result.skipped * 4 == total : result.skipped * 8 == total * 5)
    }
}
