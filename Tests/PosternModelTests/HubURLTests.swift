import PosternModel
import TestSupport
import Testing

@Suite struct HubURLTests {
    private let did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"

    @Test(arguments: ["127.0.0.1", "[2001:db8::1]", "hub.example.net", "localhost"])
    func `a hub's URL comes back as it was written`(host: String) throws {
        let text = "postern://\(host):4600/\(did)"
        let url = try HubURL(text)
        #expect(url.description == text)
        #expect(url.key.did == did && url.place.port == 4_600)
        #expect(url.place.isAddress == (host != "hub.example.net"))
    }

    @Test func `a hub's URL names its WebSocket only where it is not the plain one at the same port`() throws {
        let plain = try HubURL("postern://hub.example.net:4600/\(did)")
        #expect(plain.websocket.description == "ws://hub.example.net:4600/")
        #expect(try HubURL("\(plain)?websocket=ws://hub.example.net:4600") == plain)
        let text = "postern://[2001:db8::1]:4600/\(did)?websocket=wss://hub.example.net/postern/"
        let secured = try HubURL(text)
        #expect(secured.description == text)
        #expect(secured.key == plain.key && secured.websocket.isSecured && secured.websocket.place.port == 443)
    }

    @Test func `each mistake in a hub's URL is told apart`() {
        let cases: [(String, HubURLError)] = [
            ("http://h:1/\(did)", .scheme), ("postern://h:1", .key), ("postern://h:1/did:key:zabc", .key),
            ("postern://h/\(did)", .port), ("postern://h:0/\(did)", .port), ("postern://h:65536/\(did)", .port),
            ("postern://:1/\(did)", .host), ("postern://a b:1/\(did)", .host), ("postern://::1:1/\(did)", .host),
            ("postern://h:1/\(did)?websocket=http://h", .websocket), ("postern://h:1/\(did)?relay=ws://h", .key),
            ("postern://1.2.3:1/\(did)", .host), ("postern://-a:1/\(did)", .host), ("postern://[::1]/\(did)", .port),
        ]
        for (text, error) in cases { #expect(throws: error, "\(text)") { try HubURL(text) } }
    }
}
