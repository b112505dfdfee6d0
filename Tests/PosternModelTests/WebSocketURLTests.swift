import PosternModel
import Testing

@Suite struct WebSocketURLTests {
    @Test(arguments: [
        ("ws://h", "h:80", "/", false, "h"), ("ws://h:81/", "h:81", "/", false, "h:81"),
        ("wss://hub.example/a/b-c_d.e~f", "hub.example:443", "/a/b-c_d.e~f", true, "hub.example"),
        ("wss://[2001:db8::1]:8443/x", "[2001:db8::1]:8443", "/x", true, "[2001:db8::1]:8443"),
        ("wss://[::1]", "[::1]:443", "/", true, "[::1]"),
    ])
    func `a WebSocket URL has a place, a path and an authority`(
        text: String,
        place: String,
        path: String,
        isSecured: Bool,
        authority: String
    ) throws {
        let url = try #require(WebSocketURL(text))
        #expect(url.place.description == place && url.path == path && url.isSecured == isSecured)
        #expect(url.authority == authority)
        #expect(WebSocketURL(url.description) == url)
    }

    @Test(arguments: [
        "", "ws:", "http://h", "ws://", "ws://h:0", "ws://h:65536", "ws://h/?q", "ws://h/a?b=c", "ws://h/#x",
        "ws://h/a b", "ws://h/%2e", "ws://u@h/", "ws://h/\u{e9}", "wss://" + String(repeating: "a", count: 250),
    ])
    func `what could make others send more than a path is no WebSocket URL`(text: String) {
        #expect(WebSocketURL(text) == nil)
    }
}
