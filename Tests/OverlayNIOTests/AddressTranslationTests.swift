import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayNIO

@Suite struct AddressTranslationTests {
    private static let base = Endpoint.ipv4(address: 0, port: 41_641)

    private func endpoint(_ port: UInt16) -> Endpoint { .ipv4(address: 0xcb00_7107, port: port) }

    private func translation(_ ports: [UInt16]) throws -> AddressTranslation {
        var translation = AddressTranslation()
        for (position, port) in ports.enumerated() {
            let observer = try NodeIdentity(seed: Array(repeating: UInt8(position), count: 32)).key
            translation.note(endpoint(port), of: Self.base, by: observer)
        }
        return translation
    }

    @Test(
        arguments: [
            ([], nil), ([1], nil), ([1, 1], .endpointIndependent), ([1, 1, 1], .endpointIndependent),
            ([1, 2], .endpointDependent), ([1, 1, 2], .endpointDependent),
        ] as [([UInt16], AddressTranslation.Mapping?)]
    )
    func `two who see the same address make it one for all`(
        ports: [UInt16],
        mapping: AddressTranslation.Mapping?
    ) throws {
        #expect(try translation(ports).mapping(own: []) == mapping)
    }

    @Test func `who is seen at an address of its own is not translated`() throws {
        #expect(try translation([7]).mapping(own: [endpoint(7)]) == AddressTranslation.Mapping.none)
    }

    @Test func `neighbours, other sockets and what was before say nothing`() throws {
        var translation = try translation([1])
        let neighbour = try NodeIdentity(seed: Array(repeating: 9, count: 32)).key
        translation.note(.ipv4(address: 0xc0a8_0102, port: 9), of: Self.base, by: neighbour)
        translation.note(endpoint(5), of: .ipv4(address: 0, port: 5), by: neighbour)
        #expect(translation.mapping(own: []) == nil)
        translation.note(endpoint(2), of: Self.base, by: neighbour)
        #expect(translation.mapping(own: []) == .endpointDependent)
        translation.forget()
        #expect(translation.mapping(own: []) == nil)
    }

    @Test func `the gateway is that of the default route`() {
        let table = """
            Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
            eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
            eth1\t00000000\t01020304\t0002\t0\t0\t0\t00000000\t0\t0\t0
            eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
            """
        #expect(GatewayMapping.gateway(inRoutes: table) == .ipv4(address: 0xc0a8_0101, port: 5351))
        #expect(GatewayMapping.gateway(inRoutes: "") == nil)
        #expect(GatewayMapping.gateway(inRoutes: "x\neth0 0 z 3 0 0 0 0\n") == nil)
    }
}
