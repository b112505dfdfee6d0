import PosternModel
import Testing

@testable import GatewayCore

@Suite struct RefusalTests {
    @Test(arguments: Refusal.Code.allCases)
    func `every refusal is a status of ours, never 404, and says its code`(code: Refusal.Code) {
        let refusal = Refusal(code, "it did not work", peer: "bob", hint: "try again")
        #expect([400, 403, 421, 431, 502, 503, 504].contains(refusal.status))
        let text = String(decoding: refusal.response(toHead: false), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 \(refusal.status) "))
        #expect(text.contains("\r\nPostern-Error: \(code.rawValue)\r\n"))
        #expect(text.contains("\r\ncontent-type: application/json\r\n"))
        #expect(text.contains("\r\ncontent-length: \(refusal.json.utf8.count)\r\n"))
        #expect(text.hasSuffix("\r\n\r\n" + refusal.json))
    }

    @Test func `the body is the JSON-RPC error of the interface`() {
        #expect(
            Refusal(.peerAway, "peer 'bob' is away", peer: "bob", hint: "start it").json
                == #"{"jsonrpc":"2.0","id":null,"error":{"code":-32010,"message":"peer 'bob' is away","#
                + #""data":{"code":"peer-away","peer":"bob","hint":"start it"}}}"#
        )
    }

    @Test func `text from outside cannot break the JSON`() {
        let refusal = Refusal(.peerUnknown, "no \"x\\y\"\n\u{1}ä", hint: "")
        #expect(refusal.json.contains(#""message":"no \"x\\y\"\n\u0001ä""#))
    }

    @Test func `the service's authority is written as clients write it`() {
        func authority(_ host: String, _ port: Int) -> String {
            ExposedService(name: "a", port: .init(1), kind: .http, upstreamHost: host, upstreamPort: port)
                .upstreamAuthority
        }
        #expect(authority("127.0.0.1", 9999) == "127.0.0.1:9999")
        #expect(authority("localhost", 80) == "localhost")
        #expect(authority("::1", 9999) == "[::1]:9999")
    }
}
