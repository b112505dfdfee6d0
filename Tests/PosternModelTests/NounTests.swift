import PosternModel
import TestSupport
import Testing

@Suite struct HostPortTests {
    @Test(arguments: [
        ("127.0.0.1:80", true, true), ("127.9.9.9:0", true, true), ("[::1]:80", true, true),
        ("localhost:1", true, true),
        ("0.0.0.0:4600", true, false), ("[2001:db8::1]:65535", true, false), ("Hub.Example.net:1", false, false),
    ])
    func `a host and a port are read once, and say whether they stay on this host`(
        text: String,
        isAddress: Bool,
        isLoopback: Bool
    ) throws {
        let place = try #require(HostPort(text))
        #expect(place.description == text.lowercased())
        #expect(place.isAddress == isAddress && place.isLoopback == isLoopback)
        #expect(HostPort(host: place.host, port: place.port) == place)
    }

    @Test(arguments: [
        "127.0.0.1", "::1:80", "[::1]", "[1.2.3.4]:5", "a:65536", "a:", ":1", "a b:1", "1.2.3:1", "-a:1", "a:+1",
    ])
    func `what is no host and port is refused`(text: String) {
        #expect(HostPort(text) == nil)
    }

    @Test func `localhost is listened to at its address`() {
        let place: HostPort = "localhost:80"
        #expect(place.address == "127.0.0.1")
        #expect(("a.example:80" as HostPort).address == nil)
    }
}

@Suite struct PeerNameTests {
    private let did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"

    @Test func `one peer has one meaning, however it is written`() throws {
        let key = try #require(NodeKey(did: did))
        #expect(PeerName(did)?.meaning == .key(key) && PeerName("agent://\(did)/")?.meaning == .key(key))
        for text in ["bob", "BOB", "bob.postern.alt", "agent://bob/", "agent://bob/card?x=1"] {
            #expect(PeerName(text) == "bob", "\(text)")
            #expect(String(describing: PeerName(text)!) == text)
        }
        #expect(("planner.acme.postern.alt" as PeerName).meaning == .name("planner.acme"))
        let address = try #require(OverlayAddress("fd00::1"))
        #expect(("FD00::1" as PeerName).meaning == .address(address))
    }

    @Test(arguments: ["", "did:web:x", "a b", "2001:db8::1", "-a", "a..b", "agent://", "a/b"])
    func `what names no peer is refused`(text: String) {
        #expect(PeerName(text) == nil)
    }
}

@Suite struct ServiceTests {
    @Test func `a service is meant by its name or its port`() throws {
        let service = Service(name: "tools", port: VirtualPort(80), kind: .mcp)
        #expect(try #require(ServiceTarget("tools")).matches(service))
        #expect(try #require(ServiceTarget("80")).matches(service))
        #expect(try !#require(ServiceTarget("81")).matches(service))
        #expect(ServiceTarget("a b") == nil && ServiceTarget("") == nil)
    }

    @Test(arguments: [("a", true), ("A-b_c.9", true), ("", false), ("a/b", false), ("ä", false), ("a b", false)])
    func `a service's name has few characters`(text: String, isValid: Bool) {
        #expect((ServiceName(text) != nil) == isValid)
        #expect(ServiceName(String(repeating: "a", count: 63)) != nil)
        #expect(ServiceName(String(repeating: "a", count: 64)) == nil)
    }

    @Test func `an allow rule is trusted, a peer, a network or a group of one`() {
        #expect(AllowRule("trusted") == .trusted)
        #expect(AllowRule("bob") == .peer("bob"))
        #expect(AllowRule("network:acme") == .network("acme"))
        #expect(AllowRule("group:acme/ops") == .group("ops", network: "acme"))
        for text in ["network:", "network:Acme", "network:a/b", "group:acme", "group:acme/", "group:acme/a/b", "a/b"] {
            #expect(AllowRule(text) == nil, "\(text)")
        }
    }
}

@Suite struct ProblemTests {
    @Test func `a problem names its place, its message and what to do`() {
        let place = Problem.Location(file: "p.yaml", line: 3, key: "reach[0].peer")
        let problem = Problem(code: "configuration", message: "nothing", hint: "write one", at: place)
        #expect(problem.description == "p.yaml:3: reach[0].peer: nothing")
        #expect(Problem(document: problem.document)?.hint == "write one")
        #expect(Problem(document: ["ok": true]) == nil)
    }
}
