import PosternModel
import Simulation
import Testing

@Suite struct NetworkTests {
    private let a = HostID(0)
    private let b = HostID(1)
    private let c = HostID(2)
    private let start = Instant(nanoseconds: 0)

    private func network() -> Network {
        Network(seed: 1, hostCount: 3, profile: .calm)
    }

    @Test func `a datagram reaches the owner of its address from the sender's`() throws {
        var network = network()
        let verdict = network.send([1, 2, 3], from: a, to: network.endpoints(of: b)[0], at: start)
        let arrival = try #require(verdict.first)
        #expect(arrival.host == b)
        #expect(arrival.from == network.endpoints(of: a)[0])
        #expect(arrival.bytes == [1, 2, 3])
        #expect(arrival.at == start + .milliseconds(5))
        #expect(verdict.drop == nil && verdict.second == nil)
    }

    @Test func `a partition works in one direction until it is joined as often as it was made`() {
        var network = network()
        let (toB, toA) = (network.endpoints(of: b)[0], network.endpoints(of: a)[0])
        network.part(a, from: b)
        network.part(a, from: b)
        #expect(network.send([1], from: a, to: toB, at: start).drop == .partition)
        #expect(network.send([1], from: b, to: toA, at: start).drop == nil)
        network.join(a, to: b)
        #expect(network.send([1], from: a, to: toB, at: start).drop == .partition)
        network.join(a, to: b)
        #expect(network.send([1], from: a, to: toB, at: start).drop == nil)
    }

    @Test func `a firewall stops a pair in both directions and nobody else`() {
        var network = network()
        network.setFirewall(true, between: b, and: a)
        #expect(network.send([1], from: a, to: network.endpoints(of: b)[0], at: start).drop == .partition)
        #expect(network.send([1], from: b, to: network.endpoints(of: a)[0], at: start).drop == .partition)
        #expect(network.send([1], from: a, to: network.endpoints(of: c)[0], at: start).drop == nil)
        network.setFirewall(false, between: a, and: b)
        #expect(network.send([1], from: a, to: network.endpoints(of: b)[0], at: start).drop == nil)
    }

    @Test func `nobody has the address that a host has left`() {
        var network = network()
        let old = network.endpoints(of: b)[0]
        network.readdress(b)
        #expect(network.endpoints(of: b)[0] != old)
        #expect(network.send([1], from: a, to: old, at: start).drop == .noRoute)
        #expect(network.send([1], from: a, to: network.endpoints(of: b)[0], at: start).drop == nil)
    }

    @Test func `a host sends from its address in the segment of the destination`() {
        var network = network()
        network.attach(a, segment: 1)
        network.attach(b, segment: 1)
        let inner = network.endpoints(of: b)[1]
        #expect(network.send([1], from: a, to: inner, at: start).source == network.endpoints(of: a)[1])
        #expect(network.send([1], from: c, to: inner, at: start).drop == .noRoute)
    }

    @Test func `corruption flips one to eight bits and nothing else`() {
        let bytes = [UInt8](repeating: 0, count: 100)
        for seed in UInt64(0)..<200 {
            let flipped = Network.flipBits(of: bytes, seed: seed)
            #expect(flipped.count == 100)
            #expect(flipped.reduce(0) { $0 + $1.nonzeroBitCount } <= 8)
        }
        #expect(Network.flipBits(of: [], seed: 1).isEmpty)
    }
}
