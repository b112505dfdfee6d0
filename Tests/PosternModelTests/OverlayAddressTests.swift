import TestSupport
import Testing

@testable import PosternModel

@Suite("Overlay addresses")
struct OverlayAddressTests {
    /// RFC 5952 §4 and §1: many ways to write, one to be written.
    @Test(
        arguments: [
            ("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:db8::1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
            ("2001:db8::0:1", "2001:db8::1"), ("2001:0db8::0001", "2001:db8::1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:DB8::AAAA", "2001:db8::aaaa"), ("::", "::"), ("::1", "::1"),
            ("1::", "1::"), ("0:0:0:0:0:0:0:0", "::"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ]
    )
    func `text of RFC 4291 is read and written in the one form of RFC 5952`(text: String, canonical: String) throws {
        let (high, low) = try #require(IPv6Text.parse(text))
        #expect(IPv6Text.format(high: high, low: low) == canonical)
    }

    @Test(
        arguments: [
            "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "12345::", "g::", "1:", ":1", "+1::", "-1::", " ::", "::%1", "1.2.3.4", "::1.2.3", "::256.2.3.4",
            "１::", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "1.2.3.4::",
        ]
    )
    func `what is no address is refused`(text: String) {
        #expect(IPv6Text.parse(text) == nil)
    }

    @Test func `an IPv4 address may stand at the end`() throws {
        let (high, low) = try #require(IPv6Text.parse("::ffff:192.0.2.33"))
        #expect(high == 0)
        #expect(low == 0xffff_c000_0221)
        let full = try #require(IPv6Text.parse("1111:2222:3333:4444:5555:6666:255.255.255.255"))
        #expect(full.low == 0x5555_6666_ffff_ffff)
    }

    @Test func `random addresses survive their text`() throws {
        var random = SplitMix(seed: 1)
        for _ in 0..<2000 {
            // Masks make runs of zero groups likely.
            let high = random.next() & random.next() & random.next() & 0xffff_0000_ffff_ffff
            let low = random.next() & random.next() & random.next()
            let text = IPv6Text.format(high: high, low: low)
            let (foundHigh, foundLow) = try #require(IPv6Text.parse(text))
            #expect((foundHigh, foundLow) == (high, low), "\(text)")
        }
    }

    @Test func `an address is made of network, group and node`() {
        let address = OverlayAddress(network: 0x01_2345_6789, group: 0xabcd, nodePart: 0x1122_3344_5566_7788)
        #expect(address.description == "fd01:2345:6789:abcd:1122:3344:5566:7788")
        #expect(address.network == 0x01_2345_6789)
        #expect(address.group == 0xabcd)
        #expect(address.nodePart == 0x1122_3344_5566_7788)
        #expect(OverlayAddress(address.description) == address)
        #expect(OverlayAddress(high: address.high, low: address.low) == address)
    }

    @Test func `a node keeps its part in every group and network`() {
        let node: UInt64 = 0x1122_3344_5566_7788
        let canonical = OverlayAddress(network: 5, group: 0, nodePart: node)
        let inGroup = OverlayAddress(network: 5, group: 7, nodePart: node)
        let elsewhere = OverlayAddress(network: 6, group: 0, nodePart: node)
        #expect(canonical.description == "fd00:0:5:0:1122:3344:5566:7788")
        #expect(Set([canonical, inGroup, elsewhere]).count == 3)
        #expect(canonical.nodePart == inGroup.nodePart && inGroup.nodePart == elsewhere.nodePart)
    }

    @Test func `bits beyond forty of a network id are ignored`() {
        #expect(OverlayAddress(network: .max, group: 0, nodePart: 0).network == 0xff_ffff_ffff)
        #expect(OverlayAddress(network: 1 << 40, group: 0, nodePart: 0).high == 0xfd << 56)
    }

    @Test(arguments: ["fc00::1", "2001:db8::1", "::1", "fe80::1", "", "node"])
    func `an address that is not an overlay one is refused`(text: String) {
        #expect(OverlayAddress(text) == nil)
    }
}
