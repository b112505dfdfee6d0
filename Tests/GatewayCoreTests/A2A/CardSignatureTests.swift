import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// Signs by writing the message down, and knows its own signatures by reading them.
private struct PlainSignatures: GatewaySignatures {
    let key = NodeKey(words: Words32(a: 1, b: 2, c: 3, d: 4))
    var issuer: NodeKey { key }

    func now() -> Timestamp { Timestamp(nanoseconds: 0) }
    func newID() -> String { "" }
    func sign(_ message: [UInt8]) -> [UInt8] { message }

    func verify(_ signature: [UInt8], of message: [UInt8], by key: JSONWebKey, algorithm: String) -> Bool {
        algorithm == "EdDSA" && [key] == pinned && signature == message
    }
}

private let pinned = webKey("pinned")

private func webKey(_ id: String) -> [JSONWebKey] {
    let point = Base64URL.encode([UInt8](repeating: 7, count: 32))
    return JSONWebKey.all(in: "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(point)\",\"kid\":\"\(id)\"}") ?? []
}

@Suite struct CardSignatureTests {
    private static let card: JSONValue = [
        "name": "n", "supportedInterfaces": [["url": "https://example.com/", "protocolBinding": "JSONRPC"]],
        "capabilities": ["extensions": [["uri": "u", "required": false]], "streaming": false], "iconUrl": "",
        "skills": [],
    ]

    private func rewrite(
        _ card: JSONValue,
        _ way: SignedCards,
        pins: [JSONWebKey]? = nil
    ) throws(GatewayError) -> JSONValue? {
        let service = ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: .a2a),
            upstream: .loopback(9999),
            signedCards: way
        )
        let rules = CardRules(
            agent: AgentAddresses(service),
            signed: way,
            pins: pins.map { CardPins(keys: $0, signatures: PlainSignatures()) },
            signatures: PlainSignatures()
        )
        return try CardRewriter(rules: rules, authority: "127.0.0.1:7701").rewrite(card)
    }

    /// `card` with a signature over `payload`.
    private func signed(_ card: JSONValue, over payload: JSONValue, header: JSONValue) -> JSONValue {
        guard case .object(var members) = card else { return card }
        let protected = Base64URL.encode(header.compactBytes)
        let message = protected + "." + Base64URL.encode(payload.canonicalBytes)
        members["signatures"] = [
            ["protected": .string(protected), "signature": .string(Base64URL.encode(Array(message.utf8)))]
        ]
        return .object(members)
    }

    private static let header: JSONValue = ["alg": "EdDSA", "kid": "pinned"]

    @Test func `a card is signed anew over what a client makes of it`() throws {
        let result = try #require(try rewrite(Self.card, .resign))
        let signatures = try #require(result["signatures"]?.array)
        #expect(signatures.count == 1)
        let text = try #require(signatures[0]["signature"]?.string.flatMap { Base64URL.decode($0) })
        let parts = String(decoding: text, as: UTF8.self).split(separator: ".")
        let header = try JSONValue(parsing: #require(Base64URL.decode(parts[0])))
        #expect(header == ["alg": "EdDSA", "kid": .string(PlainSignatures().key.did), "typ": "JOSE"])
        // Empty members and what is false by default are left out (A2A 1.0 §8.4.1), what is false by choice is not.
        let payload = String(decoding: try #require(Base64URL.decode(parts[1])), as: UTF8.self)
        #expect(
            payload == """
                {"capabilities":{"extensions":[{"uri":"u"}],"streaming":false},"name":"n",\
                "supportedInterfaces":[{"protocolBinding":"JSONRPC","url":"https://example.com/"}]}
                """
        )
    }

    @Test func `a card of two versions is signed with and without the members of 0_3`() throws {
        guard case .object(var members) = Self.card else { return }
        members["url"] = "https://example.com/"
        let result = try #require(try rewrite(.object(members), .resign))
        #expect(result["signatures"]?.array?.count == 2)
        #expect(result["url"] == "https://example.com/")
    }

    @Test func `a pinned key's signature lets a card pass, over any of its forms`() throws {
        let clean = try JSONValue(parsing: Array(#"{"name":"n"}"#.utf8))
        let plain: JSONValue = ["name": "n", "iconUrl": ""]
        for payload in [clean, plain] {
            let card = signed(plain, over: payload, header: Self.header)
            #expect(try rewrite(card, .strip, pins: pinned) == plain)
            #expect(try rewrite(card, .passthrough, pins: pinned) == card)
        }
        let unnamed = signed(plain, over: plain, header: ["alg": "EdDSA"])
        #expect(try rewrite(unnamed, .strip, pins: pinned) == plain)
    }

    @Test func `what cannot be read is no card that a pinned key has signed`() throws {
        for way: SignedCards in [.strip, .passthrough, .resign, .reject] {
            #expect(throws: GatewayError.cardUnreadable) { try rewrite([1], way, pins: pinned) }
        }
        #expect(throws: GatewayError.cardUnreadable) { try rewrite("card", .reject) }
        #expect(try rewrite("card", .strip) == nil)
    }

    @Test func `members that the signature does not cover are left out`() throws {
        let members: JSONValue = ["name": "n", "supportedInterfaces": [["url": "https://a.example/"]]]
        guard case .object(var both) = members else { return }
        both["url"] = "https://b.example/"
        let card = signed(.object(both), over: members, header: Self.header)
        #expect(try rewrite(card, .strip, pins: pinned) == members)
    }

    @Test func `a card that no pinned key has signed is refused, whatever becomes of signatures`() throws {
        let card: JSONValue = ["name": "n"]
        let faults: [JSONValue] = [
            card, signed(card, over: ["name": "m"], header: Self.header),
            signed(card, over: card, header: ["alg": "EdDSA", "kid": "other"]),
            signed(card, over: card, header: ["alg": "none", "kid": "pinned"]),
            signed(card, over: card, header: ["alg": "EdDSA", "kid": "pinned", "crit": ["exp"]]),
            ["name": "n", "signatures": [7, ["protected": "!", "signature": "x"], ["protected": "e30"]]],
        ]
        for fault in faults {
            for way: SignedCards in [.strip, .passthrough, .resign, .reject] {
                #expect(throws: GatewayError.cardIsNotByPinnedKey) { try rewrite(fault, way, pins: pinned) }
            }
        }
        #expect(throws: GatewayError.cardIsNotByPinnedKey) {
            try rewrite(signed(card, over: card, header: Self.header), .strip, pins: webKey("another"))
        }
    }

    @Test func `a set of keys is read, and keys of other kinds are left out`() {
        #expect(JSONWebKey.all(in: #"{"keys":[{"kty":"oct","k":"AA"}]}"#) == nil)
        #expect(JSONWebKey.all(in: "[]") == nil)
        #expect(JSONWebKey.all(in: "x") == nil)
        #expect(JSONWebKey.all(in: #"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#) == nil)
        let x = Base64URL.encode([UInt8](repeating: 1, count: 32))
        let keys = JSONWebKey.all(
            in: """
                {"keys": [{"kty": "EC", "crv": "P-256", "x": "\(x)", "y": "\(x)"}, {"kty": "EC", "crv": "P-384"}]}
                """
        )
        let ones = [UInt8](repeating: 1, count: 32)
        #expect(keys?.map(\.material) == [.p256(x: ones, y: ones)])
    }
}
