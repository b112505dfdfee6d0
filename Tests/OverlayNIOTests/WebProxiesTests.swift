import PosternModel
import Testing

@testable import OverlayNIO

@Suite struct WebProxiesTests {
    private func proxy(_ environment: [String: String], for place: String = "hub.example:443") throws -> String? {
        let place = try #require(HostPort(place))
        return WebProxies(environment: environment).proxy(for: place).map(\.place.description)
    }

    @Test func `the proxy for everything stands in for the one for TLS, and names in lower case count first`() throws {
        #expect(try proxy([:]) == nil)
        #expect(try proxy(["ALL_PROXY": "http://all:1"]) == "all:1")
        #expect(try proxy(["ALL_PROXY": "http://all:1", "HTTPS_PROXY": "tls:2/"]) == "tls:2")
        #expect(try proxy(["https_proxy": "http://low:3", "HTTPS_PROXY": "tls:2"]) == "low:3")
        #expect(try proxy(["HTTPS_PROXY": "", "ALL_PROXY": "http://all"]) == "all:80")
        #expect(try proxy(["HTTPS_PROXY": "socks5://s:1"]) == nil)
    }

    @Test(arguments: [
        ("*", true), ("example", true), (".example", true), ("hub.example", true), ("hub.example:443", true),
        ("hub.example:80", false), ("b.example", false), ("ub.example", false), ("a, HUB.example", true), ("", false),
    ])
    func `hosts of NO_PROXY are reached without`(exceptions: String, isExcepted: Bool) throws {
        let environment = ["HTTPS_PROXY": "p:1", "NO_PROXY": exceptions]
        #expect(try proxy(environment) == (isExcepted ? nil : "p:1"))
    }

    @Test func `addresses of NO_PROXY may be ranges`() throws {
        let environment = ["HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8,2001:db8::1"]
        #expect(try proxy(environment, for: "10.1.2.3:1") == nil)
        #expect(try proxy(environment, for: "[2001:db8::1]:1") == nil)
        #expect(try proxy(environment, for: "11.1.2.3:1") == "p:1")
    }

    @Test func `who needs a password has it from the URL`() {
        // RFC 7617 §2.
        let proxy = WebProxies.Proxy("http://Aladdin:open%20sesame@p:8080")
        #expect(proxy?.authorization == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        #expect(proxy?.place.description == "p:8080")
        #expect(WebProxies.Proxy("p:1")?.authorization == nil)
    }
}
