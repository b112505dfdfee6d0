import OverlayWire
import PosternModel
import Simulation
import Testing

@Suite struct NATTests {
    private let inside = Endpoint.ipv4(address: 10 << 24 | 100 << 16 | 1, port: 4242)
    private let one = Endpoint.ipv4(address: 10 << 24 | 1, port: 4242)
    private let other = Endpoint.ipv4(address: 10 << 24 | 2, port: 4242)
    private let start = Instant(nanoseconds: 0)

    private func nat(_ settings: NAT.Settings) -> NAT { NAT(address: 10 << 24 | 150 << 8 | 1, settings: settings) }

    @Test func `a mapping lets in who was sent to and nobody else`() {
        var nat = nat(.portRestricted)
        let mapped = nat.translate(inside, to: one, at: start)
        #expect(nat.isPublic(mapped) && nat.owner(of: mapped) == inside)
        #expect(nat.admit(from: one, to: mapped, at: start) == inside)
        #expect(nat.admit(from: other, to: mapped, at: start) == nil)
    }

    @Test func `one mapping serves all destinations, or each has its own`() {
        var shared = nat(.portRestricted)
        #expect(shared.translate(inside, to: one, at: start) == shared.translate(inside, to: other, at: start))
        var symmetric = nat(.symmetric)
        #expect(symmetric.translate(inside, to: one, at: start) != symmetric.translate(inside, to: other, at: start))
    }

    @Test(arguments: [
        (NAT.Dependence.endpointIndependent, true, true), (.addressDependent, true, false),
        (.addressAndPortDependent, false, false),
    ])
    func `who is let in depends on nothing, on the address, or on the port as well`(
        filtering: NAT.Dependence,
        letsOtherPortIn: Bool,
        letsOtherAddressIn: Bool
    ) {
        var nat = nat(NAT.Settings(mapping: .endpointIndependent, filtering: filtering))
        let mapped = nat.translate(inside, to: one, at: start)
        #expect(
            (nat.admit(from: .ipv4(address: 10 << 24 | 1, port: 9), to: mapped, at: start) != nil) == letsOtherPortIn
        )
        #expect((nat.admit(from: other, to: mapped, at: start) != nil) == letsOtherAddressIn)
    }

    @Test func `a mapping for each address serves all its ports`() {
        var nat = nat(NAT.Settings(mapping: .addressDependent, filtering: .endpointIndependent))
        let mapped = nat.translate(inside, to: one, at: start)
        #expect(nat.translate(inside, to: .ipv4(address: 10 << 24 | 1, port: 9), at: start) == mapped)
        #expect(nat.translate(inside, to: other, at: start) != mapped)
    }

    @Test func `what is sent to the own public address comes back where the translator turns it round`() {
        for hairpins in [false, true] {
            var network = Network(seed: 1, hostCount: 2, profile: .calm)
            var settings = NAT.Settings.fullCone
            settings.hairpins = hairpins
            network.hide([HostID(0)], behind: settings)
            let mapped = network.send([1], from: HostID(0), to: network.endpoints(of: HostID(1))[0], at: start).first
            let place = mapped.map(\.from) ?? one
            #expect((network.send([1], from: HostID(0), to: place, at: start).first?.host == HostID(0)) == hairpins)
        }
    }

    @Test func `ports are taken one after the other, or at random`() {
        func ports(isSequential: Bool) -> [Int] {
            var settings = NAT.Settings.symmetric
            settings.isSequential = isSequential
            var nat = nat(settings)
            return (0..<20 as Range<UInt16>).map { number in
                let outside = Endpoint.ipv4(address: 20 << 24 | 1, port: 1000 + number)
                guard case .ipv4(_, let port) = nat.translate(inside, to: outside, at: start) else { return 0 }
                return Int(port)
            }
        }
        let sequential = ports(isSequential: true)
        #expect(zip(sequential, sequential.dropFirst()).allSatisfy { $1 == $0 + 1 })
        let random = ports(isSequential: false)
        #expect(Set(random).count == 20 && zip(random, random.dropFirst()).allSatisfy { $1 != $0 + 1 })
    }

    @Test(arguments: [
        // Of the kinds that only guesses bring together, both ways round, and one with two of which neither helps.
        (NAT.Settings.portRestricted, NAT.Settings.symmetric, true), (.symmetric, .portRestricted, true),
        (.symmetric, .symmetric, false),
    ])
    func `a port that depends on the destination is guessed where the other side's does not`(
        low: NAT.Settings,
        high: NAT.Settings,
        isDirect: Bool
    ) throws {
        for isSequential in [true, false] {
            var scenario = Scenario.natPairs(seed: 1)
            scenario.nats = [low, high].enumerated().map { host, kind in
                var kind = kind
                kind.isSequential = isSequential
                return ([HostID(host)], kind)
            }
            scenario.directPairs = isDirect ? [HostPair(HostID(0), HostID(1))] : []
            scenario.faults = []
            _ = try World(scenario).runToEnd()
        }
    }

    @Test(arguments: [1290] + (1...8) as [UInt64])
    func `hosts behind all kinds of translators talk, and meet where those let them`(seed: UInt64) throws {
        _ = try World(.natPairs(seed: seed)).runToEnd()
    }

    @Test func `a mapping lasts as long as the inside uses it`() {
        var settings = NAT.Settings.portRestricted
        settings.timeout = .seconds(30)
        var nat = nat(settings)
        let mapped = nat.translate(inside, to: one, at: start)
        #expect(nat.translate(inside, to: one, at: start + .seconds(29)) == mapped)
        #expect(nat.admit(from: one, to: mapped, at: start + .seconds(58)) == inside)
        #expect(nat.admit(from: one, to: mapped, at: start + .seconds(59)) == nil)
        #expect(nat.translate(inside, to: one, at: start + .seconds(60)) != mapped)
        #expect(nat.admit(from: one, to: mapped, at: start + .seconds(60)) == nil, "the old mapping is gone")
    }

    @Test func `a rebound translator knows nothing of before and uses other ports`() {
        var nat = nat(.portRestricted)
        let mapped = nat.translate(inside, to: one, at: start)
        nat.rebind()
        #expect(nat.admit(from: one, to: mapped, at: start) == nil)
        #expect(nat.translate(inside, to: one, at: start) != mapped)
    }

    @Test func `a hidden host reaches the internet and only answers reach it`() throws {
        var network = Network(seed: 1, hostCount: 3, profile: .calm)
        let (a, b, c) = (HostID(0), HostID(1), HostID(2))
        let old = network.endpoints(of: a)[0]
        network.hide([a], behind: .portRestricted)
        #expect(network.openEndpoints(of: a).isEmpty)
        #expect(network.send([1], from: b, to: old, at: start).drop == .noRoute)
        #expect(network.send([1], from: b, to: network.endpoints(of: a)[0], at: start).drop == .noRoute)
        let arrival = try #require(network.send([1], from: a, to: network.endpoints(of: b)[0], at: start).first)
        #expect(arrival.from != network.endpoints(of: a)[0] && network.owner(of: arrival.from) == a)
        #expect(network.send([2], from: b, to: arrival.from, at: start).first?.host == a)
        #expect(network.send([2], from: c, to: arrival.from, at: start).drop == .noRoute)
        network.rebind(a)
        #expect(network.send([2], from: b, to: arrival.from, at: start).drop == .noRoute)
    }

    @Test func `hosts behind one translator reach each other inside`() {
        var network = Network(seed: 1, hostCount: 3, profile: .calm)
        network.hide([HostID(0), HostID(1)], behind: .symmetric)
        let destination = network.endpoints(of: HostID(1))[0]
        #expect(network.send([1], from: HostID(0), to: destination, at: start).first?.host == HostID(1))
        #expect(network.send([1], from: HostID(2), to: destination, at: start).drop == .noRoute)
    }
}
