import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// Authorization of MCP: what names the agent as a resource becomes what its client calls it.
@Suite struct ResourceMetadataTests {
    private static let path = "/.well-known/oauth-protected-resource"

    private static func expose(_ way: ResourceMetadata = .rewrite, kind: ServiceKind = .mcp) -> Passage {
        let service = ExposedService(
            service: Service(name: "tools", port: VirtualPort(80), kind: kind),
            upstream: .loopback(9000),
            resourceMetadata: way
        )
        return Passage(.expose(ExposePolicy(service, did: "did:key:zAlice", peerName: nil, network: nil)))
    }

    private func ask(_ passage: Passage, _ target: String) -> String {
        passage.ask(message("GET \(target) HTTP/1.1", "Host: localhost:7701"))
    }

    private func challenge(
        _ value: String,
        status: String = "401 Unauthorized",
        _ passage: Passage = expose()
    ) -> String {
        _ = ask(passage, "/mcp")
        return passage.answer(message("HTTP/1.1 \(status)", "X: y", "WWW-Authenticate: \(value)", "Content-Length: 0"))
    }

    @Test(arguments: [
        (
            #"Bearer resource_metadata="http://127.0.0.1:9000/.well-known/oauth-protected-resource/mcp", scope="a b""#,
            #"Bearer resource_metadata="http://localhost:7701/.well-known/oauth-protected-resource/mcp", scope="a b""#
        ),
        (
            #"Bearer error="x", Resource_Metadata = "http://0.0.0.0:8000/m""#,
            #"Bearer error="x", Resource_Metadata = "http://localhost:7701/m""#
        ),
        (
            "Bearer resource_metadata=http://localhost:9000/m, a=b",
            "Bearer resource_metadata=http://localhost:7701/m, a=b"
        ),
        (
            #"Bearer resource_metadata="http://127.0.0.1:9000/a", DPoP resource_metadata="http://127.0.0.1:9000/b""#,
            #"Bearer resource_metadata="http://localhost:7701/a", DPoP resource_metadata="http://localhost:7701/b""#
        ),
    ])
    func `a challenge leads to the address that the client used`(value: String, expected: String) {
        for status in ["401 Unauthorized", "403 Forbidden"] {
            #expect(
                challenge(value, status: status)
                    == message("HTTP/1.1 \(status)", "X: y", "WWW-Authenticate: \(expected)", "Content-Length: 0")
            )
        }
    }

    @Test(arguments: [
        #"Bearer resource_metadata="https://agent.example.com/.well-known/oauth-protected-resource""#, "Bearer",
        #"Bearer realm="http://127.0.0.1:9000/", authorization_uri="http://127.0.0.1:9000/""#, "Basic realm=x",
        "Bearer resource_metadata", "Bearer resource_metadata=", #"Bearer resource_metadata=""#,
    ])
    func `any other challenge stays`(value: String) {
        #expect(
            challenge(value)
                == message("HTTP/1.1 401 Unauthorized", "X: y", "WWW-Authenticate: \(value)", "Content-Length: 0")
        )
    }

    @Test func `challenges stay where the service keeps them, and in answers that are none`() {
        let value = #"Bearer resource_metadata="http://127.0.0.1:9000/m""#
        for passage in [Self.expose(.keep), Self.expose(kind: .http)] {
            #expect(challenge(value, passage).contains(value))
        }
        #expect(challenge(value, status: "200 OK").contains(value))
    }

    private func document(_ resource: String) -> String {
        #"{"resource":"\#(resource)","authorization_servers":["http://127.0.0.1:9000","https://as.example.com"]}"#
    }

    @Test(arguments: [path, path + "/mcp", path + "?x=1"])
    func `the document names the resource as the client does, and its servers as the agent does`(target: String) {
        let passage = Self.expose()
        _ = ask(passage, target)
        let body = document("http://127.0.0.1:9000/mcp")
        let text = passage.answer(message("HTTP/1.1 200 OK", "Content-Length: \(body.utf8.count)", body: body))
        #expect(text.hasSuffix("\r\n\r\n" + document("http://localhost:7701/mcp")))
    }

    @Test func `a public resource, another path and a service that keeps its name are left alone`() {
        let own = document("http://127.0.0.1:9000/mcp")
        for (passage, target, body) in [
            (Self.expose(), Self.path, document("https://agent.example.com/mcp")), (Self.expose(), "/mcp", own),
            (Self.expose(.keep), Self.path, own), (Self.expose(kind: .http), Self.path, own),
        ] {
            _ = ask(passage, target)
            let text = message("HTTP/1.1 200 OK", "Content-Length: \(body.utf8.count)", body: body)
            #expect(passage.answer(text) == text)
        }
    }
}
