import HubProtocol
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

@testable import SidecarCore

/// Hubs that share a registry, as a sidecar of one of them sees them (RULES N16).
@Suite struct HomeHubsTests {
    let alice = try! NodeIdentity(seed: Array(repeating: 1, count: 32))
    let urls = (10...13).map { number in
        let key = try! NodeIdentity(seed: Array(repeating: UInt8(number), count: 32)).key
        return HubURL(HostPort(host: "192.0.2.\(number)", port: 4600)!, key: key)!
    }
    var home: HubURL { urls[0] }
    let now = Clocks(wall: Timestamp(seconds: 1_795_000_000), instant: Instant(nanoseconds: 0))

    func sidecar(_ hubs: [HubURL], memory: JSONValue = nil) -> Sidecar {
        var sidecar = Sidecar(
            identity: alice,
            profile: SidecarProfile(name: "alice", hubs: hubs, exposed: []),
            memory: memory,
            random: RandomSource(seed: Array(repeating: 1, count: 32))
        )
        _ = sidecar.start(at: now)
        for hub in hubs { _ = sidecar.hubSession(hub.key, isUp: true, at: now) }
        return sidecar
    }

    func admitted(_ actions: [SidecarAction]) -> [HubURL] {
        actions.compactMap { if case .admitHub(let url) = $0 { url } else { nil } }
    }

    func event(_ others: [HubURL], store: String = "1", isDraining: Bool = false) -> HubEvent {
        .hubs(others, store: store, isDraining: isDraining)
    }

    @Test func `a node of one hub is at home at a second one, which stays while it serves`() {
        var sidecar = sidecar([home])
        let first = admitted(sidecar.receive(event([urls[1], urls[2]]), from: home.key, at: now))
        #expect(first.count == 1 && [urls[1], urls[2]].contains(first[0]))
        #expect(sidecar.homeHubs == [home] + first)
        let all = event([urls[1], urls[2], urls[3]])
        #expect(admitted(sidecar.receive(all, from: home.key, at: now)).isEmpty)
        #expect(sidecar.homeHubs == [home] + first)
        let left = [urls[1], urls[2], urls[3]].filter { $0 != first[0] }
        let next = admitted(sidecar.receive(event(left), from: home.key, at: now))
        #expect(next.count == 1 && left.contains(next[0]) && sidecar.homeHubs == [home] + next)
    }

    @Test func `a draining second home makes way, and is told so in status`() {
        var sidecar = sidecar([home])
        _ = sidecar.receive(event([urls[1]]), from: home.key, at: now)
        _ = sidecar.hubSession(urls[1].key, isUp: true, at: now)
        _ = sidecar.receive(event([home, urls[2]], isDraining: true), from: urls[1].key, at: now)
        #expect(sidecar.homeHubs == [home, urls[2]])
    }

    @Test func `only homes say where homes are, and a configuration of two hubs stays as it is`() {
        var sidecar = sidecar([home, urls[1]])
        _ = sidecar.receive(event([urls[2]]), from: home.key, at: now)
        #expect(sidecar.homeHubs == [home, urls[1]])
        var other = self.sidecar([home])
        _ = other.receive(event([urls[2]]), from: urls[3].key, at: now)
        #expect(other.homeHubs == [home])
    }

    @Test func `the second home is known at the next start, when the first is away`() {
        var sidecar = sidecar([home])
        _ = sidecar.receive(event([urls[1]]), from: home.key, at: now)
        let again = self.sidecar([home], memory: sidecar.memoryDocument)
        #expect(again.homeHubs == [home, urls[1]])
        #expect(self.sidecar([urls[3]], memory: nil).homeHubs == [urls[3]])
    }

    @Test func `an older copy of the registry is told again that we are there`() {
        var sidecar = sidecar([home])
        func registers(_ actions: [SidecarAction]) -> Bool {
            actions.contains { if case .hubRequest(_, home.key, .register) = $0 { true } else { false } }
        }
        let answers = sidecar.hubRequests.filter { if case .register = $0.value { true } else { false } }
        for id in answers.keys {
            let answer = HubAnswer.registered(alice.key, alice.key.personalAddress, at: now.wall)
            _ = sidecar.hubAnswered(id, answer, at: now)
        }
        #expect(!registers(sidecar.receive(event([], store: "1"), from: home.key, at: now)))
        #expect(registers(sidecar.receive(event([], store: "2"), from: home.key, at: now)))
    }
}
