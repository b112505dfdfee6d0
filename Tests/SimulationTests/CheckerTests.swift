import OverlayCore
import OverlayWire
import PosternModel
import Simulation
import Testing

/// Each checker reports what it is there for: a checker that never complains proves nothing.
@Suite struct CheckerTests {
    private let findings = Findings()

    private func ledger(_ change: (inout StreamPlan) -> Void = { _ in }) -> (StreamLedger, ContentTag) {
        let history = FaultHistory(hub: nil, oneSided: [])
        let sessions = SessionChecker(findings: findings, history: history)
        let ledger = StreamLedger(seed: 1, findings: findings, history: history, sessions: sessions)
        var plan = StreamPlan(
            tag: ContentTag(1),
            from: HostID(0),
            to: HostID(1),
            at: Instant(nanoseconds: 0),
            .echo,
            byteCount: 100
        )
        change(&plan)
        ledger.add(plan)
        ledger.opened(plan.tag)
        ledger.wrote(plan.tag, .opener, byteCount: plan.total(.up), finished: true)
        return (ledger, plan.tag)
    }

    @Test func `right bytes in order to the right place pass`() {
        let (ledger, tag) = ledger()
        ledger.accepted(tag, at: HostID(1), from: HostID(0), port: StreamPlan.echoPort)
        ledger.read(tag, .acceptor, bytes: ledger.content(tag, .up, 0..<50), isEnd: false)
        ledger.read(tag, .acceptor, bytes: ledger.content(tag, .up, 50..<116), isEnd: true)
        #expect(findings.first == nil)
    }

    @Test func `a wrong, a repeated and a skipped byte are found`() {
        let (ledger, tag) = ledger()
        ledger.read(tag, .acceptor, bytes: ledger.content(tag, .up, 1..<50), isEnd: false)
        #expect(findings.first?.invariant == .content)
    }

    @Test func `bytes that were never written are found`() {
        let (ledger, tag) = ledger()
        ledger.read(tag, .opener, bytes: ledger.content(tag, .down, 0..<1), isEnd: false)
        #expect(findings.first?.invariant == .content)
    }

    @Test func `an end before the last byte is found`() {
        let (ledger, tag) = ledger()
        ledger.read(tag, .acceptor, bytes: ledger.content(tag, .up, 0..<115), isEnd: true)
        #expect(findings.first?.invariant == .content)
    }

    @Test func `a stream that is delivered twice is found`() {
        let (ledger, tag) = ledger()
        ledger.accepted(tag, at: HostID(1), from: HostID(0), port: StreamPlan.echoPort)
        ledger.accepted(tag, at: HostID(1), from: HostID(0), port: StreamPlan.echoPort)
        #expect(findings.first?.invariant == .content)
    }

    @Test(arguments: [(2, 0, 7), (1, 2, 7), (1, 0, 9)])
    func `delivery to the wrong host, from the wrong peer or on the wrong port is found`(
        host: Int,
        peer: Int,
        port: UInt16
    ) {
        let (ledger, tag) = ledger()
        ledger.accepted(tag, at: HostID(host), from: HostID(peer), port: VirtualPort(port))
        #expect(findings.first?.invariant == .place)
    }

    @Test(arguments: [StreamEnd.finished, .reset(ErrorCode(5)), .sessionLost(.restarted), .unreachable])
    func `an end without a cause is found`(end: StreamEnd) {
        let (ledger, tag) = ledger()
        ledger.ended(tag, .opener, end)
        #expect(findings.first?.invariant == .endings)
    }

    @Test func `a lost session has a cause when a host of the pair crashed and none when another did`() {
        let history = FaultHistory(hub: nil, oneSided: [])
        history.record(.crash(HostID(1), span: .seconds(1)), at: Instant(nanoseconds: 0))
        let start = Instant(nanoseconds: 0)
        #expect(history.mayBreak(HostPair(HostID(0), HostID(1)), since: start + .seconds(1)))
        #expect(!history.mayBreak(HostPair(HostID(0), HostID(2)), since: start))
        // The host was back long before.
        #expect(!history.mayBreak(HostPair(HostID(0), HostID(1)), since: start + .seconds(2)))
    }

    @Test func `what one side gave up is a cause until the pair begins anew`() {
        let history = FaultHistory(hub: nil, oneSided: [])
        let pair = HostPair(HostID(0), HostID(1))
        history.recordSurrender(pair)
        let hour = Instant(nanoseconds: 0) + .seconds(3600)
        #expect(history.mayBreak(pair, since: hour))
        #expect(!history.mayBreak(HostPair(HostID(0), HostID(2)), since: hour))
        history.recordBeginning(pair, at: hour)
        #expect(history.mayBreak(pair, since: hour))
        #expect(!history.mayBreak(pair, since: hour + .seconds(1)))
    }

    @Test func `who was thrown out may miss the other until it is admitted again`() {
        let history = FaultHistory(hub: nil, oneSided: [])
        let pair = HostPair(HostID(0), HostID(1))
        history.record(.expel(HostID(0), peer: HostID(1), code: .refused), at: Instant(nanoseconds: 0))
        let hour = Instant(nanoseconds: 0) + .seconds(3600)
        #expect(history.mayHinder(pair, since: hour))
        history.recordAdmission(of: HostID(1), by: HostID(0), at: hour)
        #expect(!history.mayHinder(pair, since: hour + .seconds(1)))
    }

    @Test func `who has moved may be looked for in vain until the world heals`() {
        let history = FaultHistory(hub: nil, oneSided: [])
        let pair = HostPair(HostID(0), HostID(1))
        history.record(.roam(HostID(0), isTold: false), at: Instant(nanoseconds: 0))
        let hour = Instant(nanoseconds: 0) + .seconds(3600)
        #expect(history.mayHinder(pair, since: hour))
        #expect(!history.mayBreak(pair, since: hour))
        history.recordHealing(at: hour)
        #expect(!history.mayHinder(pair, since: hour + .seconds(1)))
    }

    @Test func `a session that ends without a cause is found`() {
        let checker = SessionChecker(findings: findings, history: FaultHistory(hub: nil, oneSided: []))
        checker.began(at: HostID(0), with: HostID(1), isMutual: true)
        checker.lost(at: HostID(0), with: HostID(1), .aborted, reason: "idle", hasStreams: false)
        #expect(findings.first?.invariant == .sessions)
    }

    @Test func `a session with a host that does not admit the other is found`() {
        let checker = SessionChecker(findings: findings, history: FaultHistory(hub: nil, oneSided: []))
        checker.began(at: HostID(0), with: HostID(1), isMutual: false)
        #expect(findings.first?.invariant == .admission)
    }

    @Test func `a packet number that is used twice under one key is found, under two keys it is none`() {
        var checker = NonceChecker()
        checker.sealed(Seal(keySerial: 1, packetNumber: 5), by: HostID(0), life: 0, findings: findings)
        checker.sealed(Seal(keySerial: 2, packetNumber: 5), by: HostID(0), life: 0, findings: findings)
        checker.sealed(Seal(keySerial: 1, packetNumber: 5), by: HostID(0), life: 1, findings: findings)
        checker.sealed(Seal(keySerial: 1, packetNumber: 6), by: HostID(0), life: 0, findings: findings)
        #expect(findings.first == nil)
        checker.sealed(Seal(keySerial: 1, packetNumber: 6), by: HostID(0), life: 0, findings: findings)
        #expect(findings.first?.invariant == .nonces)
    }

    @Test func `three times what came from an attacker's address may go there, and no more`() {
        let findings = Findings()
        var checker = ReflectionChecker()
        let address = SilenceChecker.endpoint(attacker: 2)
        checker.arrived(100, from: address)
        checker.sent([UInt8](repeating: 1, count: 300), by: HostID(0), to: address, findings: findings)
        #expect(findings.first == nil)
        checker.sent([1], by: HostID(0), to: address, findings: findings)
        #expect(findings.first?.invariant == .reflection)
    }

    @Test func `where nothing came from nothing may go, and where answers come from anything may`() {
        let findings = Findings()
        var checker = ReflectionChecker()
        let answering = SilenceChecker.endpoint(attacker: 3)
        checker.isAnswered(at: answering)
        checker.sent([UInt8](repeating: 1, count: 9000), by: HostID(0), to: answering, findings: findings)
        #expect(findings.first == nil)
        checker.sent([1], by: HostID(0), to: SilenceChecker.endpoint(attacker: 4), findings: findings)
        #expect(findings.first?.invariant == .silence)
    }

    @Test func `a packet to an attacker is found, one to a host is none`() {
        let host = Network.endpoint(segment: 0, host: 3, version: 1)
        SilenceChecker().sent([1], by: HostID(0), to: host, findings: findings)
        #expect(findings.first == nil)
        SilenceChecker().sent([1], by: HostID(0), to: SilenceChecker.endpoint(attacker: 2), findings: findings)
        #expect(findings.first?.invariant == .silence)
    }

    @Test(arguments: [(UInt8(1), 1201), (2, 1201), (4, 9001)])
    func `a packet that is one byte too large is found`(type: UInt8, byteCount: Int) {
        SizeChecker().sent([type] + [UInt8](repeating: 0, count: byteCount - 2), by: HostID(0), findings: findings)
        #expect(findings.first == nil)
        SizeChecker().sent([type] + [UInt8](repeating: 0, count: byteCount - 1), by: HostID(0), findings: findings)
        #expect(findings.first?.invariant == .sizes)
    }

    @Test func `a datagram that arrives twice is found`() {
        let ledger = DatagramLedger(seed: 1, findings: findings)
        ledger.add(
            DatagramPlan(tag: ContentTag(9), from: HostID(0), to: HostID(1), at: Instant(nanoseconds: 0), byteCount: 50)
        )
        let bytes = ledger.send(ContentTag(9))
        ledger.received(bytes, at: HostID(1), from: HostID(0), port: StreamPlan.datagramPort)
        #expect(findings.first == nil)
        ledger.received(bytes, at: HostID(1), from: HostID(0), port: StreamPlan.datagramPort)
        #expect(findings.first?.invariant == .content)
    }

    @Test func `a storm in an idle world is found`() {
        var checker = QuietChecker(hostCount: 1, at: Instant(nanoseconds: 0))
        for _ in 0..<32 { checker.sent(by: HostID(0), peerCount: 1, at: Instant(nanoseconds: 5), findings: findings) }
        #expect(findings.first == nil)
        checker.sent(by: HostID(0), peerCount: 1, at: Instant(nanoseconds: 6), findings: findings)
        #expect(findings.first?.invariant == .quiet)
    }

    @Test(arguments: [(UInt8(1), 5), (2, 9)])
    func `a second message under one ephemeral key is found, the same one again is none`(type: UInt8, noise: Int) {
        var checker = EphemeralChecker()
        var packet = [type] + [UInt8](repeating: 7, count: noise - 1) + [UInt8](repeating: 1, count: 132)
        checker.sent(packet, by: HostID(0), findings: findings)
        // Another index and other MACs: the same message.
        packet[1] = 8
        packet[packet.count - 1] = 2
        checker.sent(packet, by: HostID(0), findings: findings)
        #expect(findings.first == nil)
        packet[noise + 32] = 2
        checker.sent(packet, by: HostID(0), findings: findings)
        #expect(findings.first?.invariant == .ephemerals)
    }
}
