import TestSupport
import Testing

@testable import OverlayWire

@Suite("Endpoints")
struct EndpointTests {
    @Test(
        arguments: [
            ("1.2.3.4:5", .ipv4(address: 0x0102_0304, port: 5)),
            ("255.255.255.255:65535", .ipv4(address: .max, port: .max)), ("0.0.0.0:0", .ipv4(address: 0, port: 0)),
            ("[::1]:80", .ipv6(high: 0, low: 1, port: 80)),
            ("[2001:db8::a:0:0:1]:443", .ipv6(high: 0x2001_0db8_0000_0000, low: 0x000a_0000_0000_0001, port: 443)),
        ] as [(String, Endpoint)]
    )
    func `an endpoint is read from its text and written as it was`(text: String, endpoint: Endpoint) {
        #expect(Endpoint(text) == endpoint)
        #expect(endpoint.description == text)
    }

    @Test(
        arguments: [
            "", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+80", "1.2.3.4: 80", "1.2.3:80",
            "1.2.3.4.5:80", "1.2.3.256:80", "1.2..4:80", "1.2.3.+4:80", "1.2.3.-0:80", "1.2.3.0004:80", "1.2.3.04:80",
            "a.b.c.d:80", "::1:80", "[::1]", "[::1]80", "[::1:80", "::1]:80", "[]:80", "[::g]:80", "[1::2::3]:80",
            "[fe80::1%eth0]:80", "１.2.3.4:80", "localhost:80", "relay:1/2",
        ]
    )
    func `what is no endpoint is refused`(text: String) {
        #expect(Endpoint(text) == nil)
    }

    @Test func `a relay is described by its hub and channel`() {
        #expect(Endpoint.relay(RelayHandle(hub: 3, generation: 1, channel: RelayChannel(9))).description == "relay:3/9")
        #expect(Endpoint.relay(RelayHandle(hub: 3, generation: 1, channel: RelayChannel(9))).wireSize == nil)
    }

    @Test func `endpoints travel with family, address and port`() throws {
        let ipv4 = Endpoint.ipv4(address: 0x0102_0304, port: 0x0506)
        let ipv6 = Endpoint.ipv6(high: 0x2001_0db8_0000_0000, low: 1, port: 0x01bb)
        let bytes = written {
            $0.append(ipv4)
            $0.append(ipv6)
        }
        #expect(bytes == hex("04 01020304 0506 06 20010db8 00000000 00000000 00000001 01bb"))
        #expect(ipv4.wireSize == 7)
        #expect(ipv6.wireSize == 19)
        var offset = 0
        #expect(try bytes.span.bytes.loadEndpoint(at: &offset) == ipv4)
        #expect(try bytes.span.bytes.loadEndpoint(at: &offset) == ipv6)
        #expect(offset == bytes.count)
    }

    @Test func `a relay is told from an address`() {
        let relay = Endpoint.relay(RelayHandle(hub: 1, generation: 1, channel: RelayChannel(1)))
        #expect(relay.isRelay)
        #expect(!Endpoint.ipv4(address: 1, port: 1).isRelay && !Endpoint.ipv6(high: 0, low: 1, port: 1).isRelay)
    }
}
