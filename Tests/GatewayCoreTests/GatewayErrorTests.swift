import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

@Suite struct GatewayErrorTests {
    @Test(arguments: GatewayError.Code.allCases)
    func `every error is a status of ours, never 404, and says its code`(code: GatewayError.Code) {
        let error = GatewayError(code, "it did not work", peer: "bob", hint: "try again")
        #expect([200, 400, 403, 408, 421, 431, 502, 503, 504].contains(error.status))
        let text = String(decoding: error.response(toHead: false), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 \(error.status) "))
        #expect(text.contains("\r\nPostern-Error: \(code.rawValue)\r\n"))
        #expect(text.contains("\r\ncontent-type: application/json\r\n"))
        #expect(text.contains("\r\ncontent-length: \(error.json.utf8.count)\r\n"))
        #expect(text.hasSuffix("\r\n\r\n" + error.json))
    }

    @Test func `the body is the JSON-RPC error of the interface`() {
        #expect(
            GatewayError(.peerAway, "peer 'bob' is away", peer: "bob", hint: "start it").json
                == #"{"jsonrpc":"2.0","id":null,"error":{"code":-32010,"message":"peer 'bob' is away","#
                + #""data":{"code":"peer-away","peer":"bob","hint":"start it"}}}"#
        )
    }

    @Test func `text from outside cannot break the JSON`() {
        let error = GatewayError(.peerUnknown, "no \"x\\y\"\n\u{1}ä", hint: "")
        #expect(error.json.contains(#""message":"no \"x\\y\"\n\u0001ä""#))
    }

    @Test func `the service's authority is written as clients write it`() {
        func authority(_ host: String, _ port: UInt16) -> String {
            let service = Service(name: "a", port: VirtualPort(1), kind: .http)
            return ExposedService(service: service, upstream: HostPort(host: host, port: port)!).upstreamAuthority
        }
        #expect(authority("127.0.0.1", 9999) == "127.0.0.1:9999")
        #expect(authority("localhost", 80) == "localhost")
        #expect(authority("::1", 9999) == "[::1]:9999")
    }
}
