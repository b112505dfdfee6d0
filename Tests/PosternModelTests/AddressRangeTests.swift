import Testing

@testable import PosternModel

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false),
        ("172.17.0.0/16", "172.17.255.1", true), ("172.17.0.0/16", "172.18.0.1", false),
        ("172.17.0.0/16", "::ffff:172.17.0.2", true), ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "fd00::1", false),
        ("fd00::/8", "fdff::1", true), ("fd00::/8", "fe80::1", false), ("fd00::1/128", "fd00::1", true),
        ("fd00::/65", "fd00::8000:0:0:1", false), ("::/0", "fd00::1", true), ("10.0.0.0/8", "text", false),
    ])
    func `an address is in the range that begins with the same bits`(range: String, address: String, isIn: Bool) {
        #expect(AddressRange(range)?.contains(address) == isIn)
    }

    @Test(arguments: [
        "", "localhost", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0",
    ])
    func `what is no range is refused`(text: String) {
        #expect(AddressRange(text) == nil)
    }
}
