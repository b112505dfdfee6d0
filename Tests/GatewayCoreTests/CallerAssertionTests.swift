import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// Counts what it signs, and signs by writing down how long the message is.
private final class CountingSigner: GatewaySignatures, @unchecked Sendable {  // used by one test at a time
    private var count = 0

    let key = NodeKey(words: Words32(a: 1, b: 2, c: 3, d: 4))
    var issuer: NodeKey { key }

    func now() -> Timestamp { Timestamp(nanoseconds: 1_700_000_000_900_000_000) }

    func newID() -> String {
        count += 1
        return "id-\(count)"
    }

    func sign(_ message: [UInt8]) -> [UInt8] { [UInt8](repeating: UInt8(message.count & 0xff), count: 64) }

    func verify(_ signature: [UInt8], of message: [UInt8], by key: JSONWebKey, algorithm: String) -> Bool { false }
}

@Suite struct CallerAssertionTests {
    private static func passage(isAsserted: Bool, name: String? = "alice") -> Passage {
        var fields = IdentityFields()
        fields.areAsserted = isAsserted
        let service = ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: .mcp),
            upstream: .loopback(9999),
            identity: fields
        )
        let signer = CountingSigner()
        let policy = ExposePolicy(service, did: "did:key:zAlice", peerName: name, network: nil, signer: signer)
        return Passage(.expose(policy))
    }

    /// The tokens in what goes to the agent.
    private static func tokens(_ text: String) -> [String] {
        text.split(separator: "\r\n").filter { $0.hasPrefix("Postern-Assertion: ") }.map { String($0.dropFirst(19)) }
    }

    private static func part(_ token: String, _ index: Int) throws -> JSONValue {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        try #require(parts.count == 3)
        return try JSONValue(parsing: try #require(Base64URL.decode(parts[index])))
    }

    @Test func `every request carries an assertion of its own, and none of the client's`() throws {
        let passage = Self.passage(isAsserted: true)
        let request = message("GET / HTTP/1.1", "Host: 127.0.0.1:7701", "Postern-Assertion: a.b.c")
        passage.ask(request + request)
        let tokens = Self.tokens(passage.forwardedText)
        #expect(tokens.count == 2)
        let claims = try tokens.map { try Self.part($0, 1) }
        #expect(claims.map { $0["jti"]?.string } == ["id-1", "id-2"])
        let first = try #require(claims.first)
        #expect(first["sub"]?.string == "did:key:zAlice" && first["aud"]?.string == "planner")
        #expect(first["iss"]?.string == CountingSigner().key.did && first["name"]?.string == "alice")
        #expect(first["iat"]?.integer == 1_700_000_000 && first["exp"]?.integer == 1_700_000_060)
        #expect(first["network"] == nil)
        let header = try Self.part(tokens[0], 0)
        #expect(header["alg"]?.string == "EdDSA" && header["kid"]?.string == CountingSigner().key.did)
    }

    @Test func `what is signed is what the token says`() throws {
        let passage = Self.passage(isAsserted: true, name: nil)
        passage.ask(message("GET / HTTP/1.1", "Host: 127.0.0.1:7701"))
        let token = try #require(Self.tokens(passage.forwardedText).first)
        let signature = try #require(token.split(separator: ".").last)
        let signedCount = token.utf8.count - signature.utf8.count - 1
        #expect(Base64URL.decode(signature) == [UInt8](repeating: UInt8(signedCount & 0xff), count: 64))
        #expect(try Self.part(token, 1)["name"] == nil)
    }

    @Test func `without the setting there is none, and a client's own goes as well`() {
        let passage = Self.passage(isAsserted: false)
        passage.ask(message("GET / HTTP/1.1", "Host: 127.0.0.1:7701", "postern_assertion: a.b.c"))
        #expect(!passage.forwardedText.lowercased().contains("assertion"))
    }
}
