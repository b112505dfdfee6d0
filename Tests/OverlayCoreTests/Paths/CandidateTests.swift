import OverlayCrypto
import OverlayWire
import Testing

@testable import OverlayCore

@Suite struct CandidateTests {
    private static let first = Endpoint.ipv4(address: 0x0a00_0001, port: 1)
    private static let second = Endpoint.ipv6(high: 0x2001_0db8 << 32, low: 1, port: 2)

    private func endpoint(_ number: UInt32) -> Endpoint { .ipv4(address: 0x0a00_0000 | number, port: 7) }

    // RFC 8445 §5.1.2.1: (2^24) × type preference + (2^8) × local preference + 256 − component.
    @Test(arguments: [
        (Candidate.Kind.host, UInt16.max, UInt32(2_130_706_431)),
        (.peerReflexive, .max, 1_862_270_975),
        (.serverReflexive, .max, 1_694_498_815),
        (.relayed, .max, 16_777_215),
        (.host, 0, 2_113_929_471),
    ])
    func `the priority is that of RFC 8445`(kind: Candidate.Kind, preference: UInt16, priority: UInt32) {
        #expect(Candidate(Self.first, kind: kind, localPreference: preference).priority == priority)
    }

    @Test func `a kind outweighs every local preference`() {
        let kinds: [Candidate.Kind] = [.host, .peerReflexive, .serverReflexive, .relayed]
        for (better, worse) in zip(kinds, kinds.dropFirst()) {
            let least = Candidate(Self.first, kind: better, localPreference: 0)
            #expect(least.priority > Candidate(Self.first, kind: worse).priority)
        }
    }

    @Test func `addresses of interfaces keep their order, and their base`() {
        let candidates = Candidate.hosts([Self.first, Self.second], base: endpoint(9))
        #expect(candidates.map(\.endpoint) == [Self.first, Self.second])
        #expect(candidates[0].priority > candidates[1].priority)
        #expect(candidates.allSatisfy { $0.base == endpoint(9) && $0.kind == .host })
        #expect(Candidate.hosts([Self.first])[0].base == Self.first)
    }

    private func peer(_ candidates: [Candidate] = []) throws -> Peer {
        let identity = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        return Peer(
            handle: PeerHandle(slot: 0, generation: 1),
            configuration: PeerConfiguration(key: identity.key, candidates: candidates),
            exchangeKey: identity.exchangeKey,
            isAdmitted: true
        )
    }

    @Test func `a peer's candidates come by priority, of equal ones the latest first, and the relay last`() throws {
        let peer = try peer([Candidate(endpoint(1), kind: .serverReflexive), Candidate(endpoint(2), kind: .host)])
        _ = peer.noteAnswer(from: endpoint(3))
        #expect(peer.candidates.map(\.endpoint) == [2, 3, 1].map(endpoint))
        peer.add([Candidate(endpoint(4), kind: .host)])
        #expect(peer.candidates.map(\.endpoint) == [4, 2, 3, 1].map(endpoint))
        let relay = RelayHandle(hub: 5, generation: 6, channel: RelayChannel(7))
        peer.relay = relay
        #expect(peer.candidates(includingDirect: true).last?.endpoint == .relay(relay))
        #expect(peer.candidates(includingDirect: true).count == 5)
        #expect(peer.candidates(includingDirect: false).map(\.endpoint) == [.relay(relay)])
    }

    @Test func `the oldest candidates go, whatever their priority`() throws {
        let peer = try peer()
        for number in 1...UInt32(Peer.maximumCandidates) { peer.add([Candidate(endpoint(number), kind: .host)]) }
        _ = peer.noteAnswer(from: endpoint(99))
        #expect(peer.candidates.count == Peer.maximumCandidates)
        #expect(peer.mayBe(at: endpoint(99)) && !peer.mayBe(at: endpoint(1)) && peer.mayBe(at: endpoint(2)))
        #expect(peer.candidates.last?.endpoint == endpoint(99))
    }

    @Test func `an address that is told as another kind keeps its place and gets the higher priority`() throws {
        let peer = try peer()
        _ = peer.noteAnswer(from: endpoint(1))
        _ = peer.noteAnswer(from: endpoint(2))
        #expect(peer.add([Candidate(endpoint(1), kind: .host)]).isEmpty)
        #expect(peer.candidates.map(\.endpoint) == [1, 2].map(endpoint))
        _ = peer.noteAnswer(from: endpoint(1))
        #expect(peer.candidates.first == Candidate(endpoint(1), kind: .host))
    }

    @Test func `a candidate is known once, and a relay is none of a peer's own`() throws {
        let peer = try peer()
        let candidate = Candidate(endpoint(1), kind: .host)
        #expect(peer.add([candidate, candidate]) == [candidate])
        #expect(peer.add([Candidate(endpoint(1), kind: .peerReflexive)]).isEmpty)
        let relay = RelayHandle(hub: 5, generation: 6, channel: RelayChannel(7))
        #expect(peer.add([Candidate(.relay(relay), kind: .relayed)]).isEmpty)
        #expect(!peer.mayBe(at: .relay(relay)))
    }

    @Test func `a pair has two ends of one family, or a relay at both`() {
        let locals = [Self.first, Self.second, endpoint(2)]
        let pairs = AddressPair.all(from: locals, to: endpoint(5))
        #expect(pairs.map(\.local) == [Self.first, endpoint(2)])
        #expect(pairs.allSatisfy { $0.remote == endpoint(5) && !$0.isRelayed })
        let relay = RelayHandle(hub: 5, generation: 6, channel: RelayChannel(7))
        let relayed = AddressPair.all(from: locals, to: .relay(relay))
        #expect(relayed == [AddressPair(relay)] && relayed[0].isRelayed && relayed[0].local == relayed[0].remote)
        #expect(AddressPair.all(from: [], to: endpoint(5)).isEmpty)
    }
}
