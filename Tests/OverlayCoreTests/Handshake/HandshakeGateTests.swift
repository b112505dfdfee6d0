import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

@Suite("Handshake gate")
struct HandshakeGateTests {
    private func endpoint(_ number: UInt32, port: UInt16 = 1) -> Endpoint { .ipv4(address: number, port: port) }

    // MARK: Rates

    @Test func `a rate gives its burst at once and then one after the other`() {
        let rate = Rate(perSecond: 4)
        var due = Instant.at(0)
        let atOnce = (0..<6).map { _ in rate.take(&due, at: .at(1000)) }
        #expect(atOnce == [true, true, true, true, false, false])
        let later = [1249, 1250, 1251, 1750, 1750, 1750].map { rate.take(&due, at: .at($0)) }
        #expect(later == [false, true, false, true, true, false])
        let afterRest = (0..<5).map { _ in rate.take(&due, at: .at(60_000)) }
        #expect(afterRest == [true, true, true, true, false])
    }

    @Test(arguments: [0, -3])
    func `a rate of nothing gives nothing`(_ perSecond: Int) {
        let rate = Rate(perSecond: perSecond)
        var due = Instant.at(0)
        let isTaken = rate.take(&due, at: .at(5000))
        #expect(!isTaken)
    }

    // MARK: Sources

    @Test func `ports of an address and addresses of a link are one source`() {
        #expect(HandshakeSource(endpoint(7, port: 1)) == HandshakeSource(endpoint(7, port: 2)))
        #expect(HandshakeSource(endpoint(7)) != HandshakeSource(endpoint(8)))
        let one = HandshakeSource(.ipv6(high: 1, low: 1, port: 1))
        #expect(one == HandshakeSource(.ipv6(high: 1, low: 2, port: 2)))
        #expect(one != HandshakeSource(.ipv6(high: 2, low: 1, port: 1)))
        let relayed = HandshakeSource(.relay(RelayHandle(hub: 1, generation: 1, channel: RelayChannel(1))))
        #expect(relayed != HandshakeSource(.relay(RelayHandle(hub: 1, generation: 1, channel: RelayChannel(2)))))
        #expect(relayed != HandshakeSource(.relay(RelayHandle(hub: 2, generation: 1, channel: RelayChannel(1)))))
    }

    @Test func `sources beyond the table get nothing until others are at rest`() {
        var limits = SourceLimits(perSecond: 10)
        for number in 0..<UInt32(SourceLimits.maximum) {
            let isTaken = limits.take(.ipv4(number), at: .at(0))
            #expect(isTaken)
        }
        let beyond = limits.take(.ipv4(100_000), at: .at(50))
        #expect(!beyond)
        let known = limits.take(.ipv4(3), at: .at(50))
        #expect(known)
        // All but one are at rest after a tenth of a second.
        let afterRest = limits.take(.ipv4(100_000), at: .at(101))
        #expect(afterRest && limits.count == 2)
    }

    // MARK: The gate

    private func verdicts(
        _ gate: inout HandshakeGate,
        _ count: Int,
        from endpoint: Endpoint,
        isProven: Bool = false,
        at now: Instant
    ) -> [HandshakeGate.Verdict: Int] {
        var counts: [HandshakeGate.Verdict: Int] = [:]
        for _ in 0..<count { counts[gate.judge(from: endpoint, isProven: isProven, at: now), default: 0] += 1 }
        return counts
    }

    @Test func `who exceeds its limit has to prove its address and others do not`() {
        var gate = HandshakeGate(perSecond: 1000, unproven: 1000, perSource: 5)
        #expect(verdicts(&gate, 20, from: endpoint(1), at: .at(0)) == [.admitted: 5, .unproven: 15])
        #expect(verdicts(&gate, 1, from: endpoint(2), at: .at(0)) == [.admitted: 1])
    }

    @Test func `who forges an address uses up nothing of its owner's`() {
        var gate = HandshakeGate(perSecond: 1000, unproven: 1000, perSource: 5)
        _ = verdicts(&gate, 1000, from: endpoint(1), at: .at(0))
        #expect(
            verdicts(&gate, 7, from: endpoint(1), isProven: true, at: .at(0)) == [.admitted: 5, .overLimit: 2]
        )
    }

    @Test func `beyond a small rate a node admits only who proves its address, up to its budget, and recovers`() {
        var gate = HandshakeGate(perSecond: 80, unproven: 20, perSource: 2)
        var counts: [HandshakeGate.Verdict: Int] = [:]
        for number in 0..<100 as Range<UInt32> {
            counts[gate.judge(from: endpoint(number), isProven: false, at: .at(0)), default: 0] += 1
        }
        #expect(counts == [.admitted: 20, .unproven: 80])
        counts = [:]
        for number in 0..<100 as Range<UInt32> {
            counts[gate.judge(from: endpoint(number), isProven: true, at: .at(0)), default: 0] += 1
        }
        #expect(counts == [.admitted: 60, .overLimit: 40])
        #expect(gate.judge(from: endpoint(200), isProven: false, at: .at(49)) == .unproven)
        #expect(gate.judge(from: endpoint(201), isProven: false, at: .at(51)) == .admitted)
    }
}
