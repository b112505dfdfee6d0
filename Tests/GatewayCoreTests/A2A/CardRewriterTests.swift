import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

@Suite struct CardRewriterTests {
    private static func service(
        upstream: HostPort = .loopback(9999),
        host: HostPolicy = .upstream,
        grpc: HostPort? = nil,
        signed: SignedCards = .strip
    ) -> ExposedService {
        ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: .a2a),
            upstream: upstream,
            hostPolicy: host,
            grpc: grpc,
            signedCards: signed
        )
    }

    private func rewrite(
        _ card: JSONValue,
        _ service: ExposedService = Self.service(),
        authority: String = "127.0.0.1:7701"
    ) throws -> JSONValue {
        let agent = AgentAddresses(service)
        let rules = CardRules(agent: agent, signed: service.signedCards, pins: nil, signatures: nil)
        let rewriter = CardRewriter(rules: rules, authority: authority)
        return try rewriter.rewrite(card) ?? card
    }

    private static let upstreams: [HostPort] = ["127.0.0.1:9999", "agent:9999", "[::1]:9999", "10.1.2.3:80"]

    @Test(arguments: [
        ("http://127.0.0.1:9999", "http://127.0.0.1:7701"), ("http://127.0.0.1:9999/", "http://127.0.0.1:7701/"),
        ("http://LOCALHOST:9999/a/b?c=d#e", "http://127.0.0.1:7701/a/b?c=d#e"),
        ("http://0.0.0.0:9999/rpc", "http://127.0.0.1:7701/rpc"), ("http://[::]:9999/", "http://127.0.0.1:7701/"),
        ("http://[::1]:1234/rpc", "http://127.0.0.1:7701/rpc"), ("https://127.0.0.1:8443", "http://127.0.0.1:7701"),
        ("http://localhost", "http://127.0.0.1:7701"), ("http://192.168.1.7:9999/x", "http://127.0.0.1:7701/x"),
        ("http://agent-7f:9999/", "http://127.0.0.1:7701/"), ("http://agent.local:9999", "http://127.0.0.1:7701"),
        ("http://[fd00::7]:9999/", "http://127.0.0.1:7701/"),
        ("HTTP://127.0.0.1:9999/%2Fa:b", "http://127.0.0.1:7701/%2Fa:b"),
    ])
    func `an address by which the agent means itself becomes the client's, path and query kept`(
        own: String,
        expected: String
    ) throws {
        #expect(
            try rewrite(["supportedInterfaces": [["url": .string(own), "protocolBinding": "JSONRPC"]]])
                == ["supportedInterfaces": [["url": .string(expected), "protocolBinding": "JSONRPC"]]]
        )
        #expect(try rewrite(["url": .string(own)]) == ["url": .string(expected)])
    }

    @Test(arguments: [
        "https://agent.example.com/rpc", "http://203.0.113.7:9999/", "http://192.168.1.7:8080/", "http://agent-7f:1/",
        "http://agent.local:8080/", "http://127.0.0.1.example.com:9999/", "http://1270.0.0.1/", "/rpc", "", "rpc",
        "http://localhost.example.com/", "mailto:a@127.0.0.1", "http://127.0.0.1:99999/", "http://a@127.0.0.1:9999/",
    ])
    func `any other address stays`(foreign: String) throws {
        let card: JSONValue = ["url": .string(foreign), "additionalInterfaces": [["url": .string(foreign)]]]
        #expect(try rewrite(card) == card)
    }

    @Test(arguments: upstreams)
    func `the agent's upstream is its own address, whatever it is`(upstream: HostPort) throws {
        let card: JSONValue = [
            "url": "http://\(upstream.description)/a", "documentationUrl": "http://\(upstream.description)/d",
            "iconUrl": "https://example.net/i",
            "provider": ["url": "http://\(upstream.description)/", "organization": "o"],
        ]
        #expect(
            try rewrite(card, Self.service(upstream: upstream)) == [
                "url": "http://127.0.0.1:7701/a", "documentationUrl": "http://127.0.0.1:7701/d",
                "iconUrl": "https://example.net/i", "provider": ["url": "http://127.0.0.1:7701/", "organization": "o"],
            ]
        )
    }

    @Test func `a name that the agent is told to have is its own`() throws {
        let service = Self.service(host: .literal("agent.example.com"))
        #expect(try rewrite(["url": "https://agent.example.com/a"], service) == ["url": "http://127.0.0.1:7701/a"])
    }

    @Test(arguments: ["127.0.0.1:7701", "localhost:7701", "[::1]:7701", "planner.acme.postern.alt"])
    func `the client keeps the name by which it knows us`(authority: String) throws {
        #expect(
            try rewrite(["url": "http://127.0.0.1:9999/a"], authority: authority)
                == ["url": "http://\(authority)/a"]
        )
    }

    @Test func `a card that speaks both versions is rewritten wherever it has the address`() throws {
        let own: JSONValue = "http://127.0.0.1:9999/rpc"
        let new: JSONValue = "http://127.0.0.1:7701/rpc"
        func card(_ url: JSONValue) -> JSONValue {
            [
                "name": "a", "url": url, "preferredTransport": "JSONRPC", "provider": ["url": url],
                "supportedInterfaces": [["url": url, "protocolBinding": "JSONRPC", "tenant": "t"]],
                "additionalInterfaces": [["url": url, "transport": "JSONRPC"]],
                "interfaces": [["url": url, "transport": "HTTP+JSON"]],
            ]
        }
        #expect(try rewrite(card(own)) == card(new))
    }

    @Test func `gRPC entries lead to the same local port, or go`() throws {
        for (address, moved) in [
            ("127.0.0.1:50051", "127.0.0.1:7701"), ("http://localhost:50051", "http://127.0.0.1:7701"),
            ("grpc://0.0.0.0:50051", "grpc://127.0.0.1:7701"), ("10.9.9.9:50051", "127.0.0.1:7701"),
        ] {
            let http: JSONValue = ["url": "http://127.0.0.1:7701", "protocolBinding": "HTTP+JSON"]
            let card: JSONValue = [
                "supportedInterfaces": [["url": .string(address), "protocolBinding": "GRPC"], http]
            ]
            #expect(
                try rewrite(card, Self.service(grpc: .loopback(50051)))
                    == ["supportedInterfaces": [["url": .string(moved), "protocolBinding": "GRPC"], http]]
            )
            if address.hasPrefix("10.") { continue }
            #expect(try rewrite(card) == ["supportedInterfaces": [http]])
        }
        let public_: JSONValue = ["supportedInterfaces": [["url": "grpc.example.com:443", "protocolBinding": "GRPC"]]]
        #expect(try rewrite(public_) == public_)
    }

    @Test func `gRPC always has a port`() throws {
        let card: JSONValue = ["supportedInterfaces": [["url": "127.0.0.1:50051", "protocolBinding": "GRPC"]]]
        let service = Self.service(grpc: .loopback(50051))
        #expect(
            try rewrite(card, service, authority: "planner.acme.postern.alt")
                == ["supportedInterfaces": [["url": "planner.acme.postern.alt:80", "protocolBinding": "GRPC"]]]
        )
    }

    @Test func `where 0_3 prefers a gRPC that nobody can reach, the next interface takes its place`() throws {
        let card: JSONValue = [
            "url": "127.0.0.1:50051", "preferredTransport": "GRPC",
            "additionalInterfaces": [
                ["url": "127.0.0.1:50051", "transport": "GRPC"],
                ["url": "http://127.0.0.1:9999/r", "transport": "JSONRPC"],
            ],
        ]
        #expect(
            try rewrite(card) == [
                "url": "http://127.0.0.1:7701/r", "preferredTransport": "JSONRPC",
                "additionalInterfaces": [["url": "http://127.0.0.1:7701/r", "transport": "JSONRPC"]],
            ]
        )
        #expect(try rewrite(["url": "127.0.0.1:50051", "preferredTransport": "GRPC"]) == [:])
    }

    @Test func `what is no card stays`() throws {
        for value: JSONValue in [
            nil, [], "x", 7, ["url": 7], ["supportedInterfaces": "x"], ["additionalInterfaces": [7]],
        ] {
            #expect(try rewrite(value) == value)
        }
    }

    @Test func `a signature never comes with another card than its own`() throws {
        let signed: JSONValue = [
            "url": "http://127.0.0.1:9999", "signatures": [["protected": "e30", "signature": "x"]],
        ]
        #expect(try rewrite(signed) == ["url": "http://127.0.0.1:7701"])
        #expect(try rewrite(signed, Self.service(signed: .passthrough)) == signed)
        #expect(throws: GatewayError.cardIsSigned) { try rewrite(signed, Self.service(signed: .reject)) }
        for unsigned: JSONValue in [["signatures": []], ["signatures": nil], [:]] {
            for way: SignedCards in [.strip, .passthrough, .reject] {
                #expect(try rewrite(unsigned, Self.service(signed: way)) == unsigned)
            }
        }
    }
}
