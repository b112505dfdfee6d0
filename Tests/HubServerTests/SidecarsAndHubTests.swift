import Foundation
import HubProtocol
import HubServer
import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayNIO
import PosternModel
import SidecarCore
import SidecarNIO
import StateStore
import Synchronization
import TestSupport
import Testing
import TrustCore

/// Real nodes on loopback UDP: a hub with SQLite, sidecars with their files.
@Suite(.serialized) struct SidecarsAndHubTests {
    let world = LoopWorld()
    let directory = TemporaryDirectory()

    func hub(port: Int = 0) async throws -> RunningHub {
        let (loop, path) = (world.loop, directory.path)
        let hub = try await world.on { try RunningHub(loop: loop, directory: path, port: port) }
        _ = try await world.wait { hub.start() }
        return hub
    }

    func sidecar(
        _ number: UInt8,
        _ name: String,
        hubs: [HubURL],
        relayOnly: Bool = false
    ) async throws -> RunningSidecar {
        let (loop, path, queue) = (world.loop, directory.path + "/" + name, StateQueue(world.disk))
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let sidecar = try await world.on {
            try RunningSidecar(
                loop: loop,
                number: number,
                name: name,
                directory: path,
                hubs: hubs,
                queue: queue,
                relayOnly: relayOnly
            )
        }
        try await world.wait { sidecar.start() }
        return sidecar
    }

    func befriend(_ asker: RunningSidecar, _ target: RunningSidecar) async throws {
        let command = RequestTrust(peer: .peer(PeerName(target.key)), note: "please")
        let asked = try await world.wait { asker.runtime.perform(command) }
        try await world.eventually("the request arrives") { target.runtime.pendingCount == 1 }
        let id = try #require(asked.id?.description)
        _ = try await world.wait { target.runtime.perform(ApproveRequest(id: id, services: nil)) }
        try await world.eventually("both trust") {
            asker.runtime.isConnected(target.key) && target.runtime.isConnected(asker.key)
        }
    }

    func call(
        _ text: String,
        _ peer: RunningSidecar,
        from sidecar: RunningSidecar,
        port: UInt16 = 80
    ) async throws -> Caller {
        try await world.on { try Caller(text, to: peer.key, port: port, from: sidecar) }
    }

    @Test func `two sidecars that met through the hub call each other's services (R5, R7, R9)`() async throws {
        let hub = try await hub()
        let url = try #require(hub.url)
        let alice = try await sidecar(1, "alice", hubs: [url])
        let bob = try await sidecar(2, "bob", hubs: [url])
        try await befriend(alice, bob)
        for (one, other) in [(alice, bob), (bob, alice)] {
            let caller = try await call("hello", other, from: one)
            try await world.eventually("the echo comes back") { caller.text == "hello" }
        }
        let refused = try await call("hello", bob, from: alice, port: 81)
        try await world.eventually("another port is refused") { refused.end != nil }
        #expect(
            try await world.wait { alice.runtime.perform(ListServices(peer: PeerName(bob.key))) } == [
                Service(name: "echo", port: VirtualPort(80), kind: .tcp)
            ]
        )
        let ping = try await world.wait { alice.runtime.perform(PingPeer(peer: PeerName(bob.key), count: 3)) }
        #expect(ping.received == 3 && ping.path?.kind == .direct)
        let peers = try await world.wait { alice.runtime.perform(ListPeers()) }
        #expect(peers.first?.connected == true)
        let status = try await world.wait { alice.runtime.perform(ShowStatus()) }
        #expect(status.hubs.first?.connected == true && status.hubs.first?.home == true)
        #expect(status.expose.first?.upstream == "echo" && status.udp.first?.isLoopback == true)
        let port = try await world.wait {
            alice.runtime.perform(OpenLocalPort(peer: PeerName(bob.key), service: .port(VirtualPort(80))))
        }
        #expect(port.listen == "127.0.0.1:1")
        let audit = try await world.wait { alice.runtime.perform(ListAudit()) }
        #expect(audit.first?["action"] == "start")
        try await stop(hub, alice, bob)
        #expect(hub.trail.events.map(\.action) == [.started, .registered, .registered, .stopped])
    }

    @Test(arguments: [#"{"do":"list"}"#, "[]"])
    func `what a sidecar does not understand on the control port is refused`(text: String) async throws {
        let hub = try await hub()
        let url = try #require(hub.url)
        let alice = try await sidecar(1, "alice", hubs: [url])
        let bob = try await sidecar(2, "bob", hubs: [url])
        try await befriend(alice, bob)
        let caller = try await call(text, bob, from: alice, port: SidecarPort.control.rawValue)
        try await world.on { caller.stream?.finish() }
        let refusal = PeerAnswer.refused.document.compactText
        try await world.eventually("it is refused") { caller.text == refusal }
        try await stop(hub, alice, bob)
    }

    @Test func `where no direct path is possible the hub relays, and the trust is the same (R4)`() async throws {
        let hub = try await hub()
        let url = try #require(hub.url)
        let alice = try await sidecar(1, "alice", hubs: [url], relayOnly: true)
        let bob = try await sidecar(2, "bob", hubs: [url], relayOnly: true)
        try await befriend(alice, bob)
        let caller = try await call("through the hub", bob, from: alice)
        try await world.eventually("the echo comes back") { caller.text == "through the hub" }
        let peers = try await world.wait { alice.runtime.perform(ListPeers()) }
        #expect(peers.first?.path?.kind == .relay)
        try await stop(hub, alice, bob)
    }

    @Test func `revoking cuts running streams at once on both ends (R8, W2)`() async throws {
        let hub = try await hub()
        let url = try #require(hub.url)
        let alice = try await sidecar(1, "alice", hubs: [url])
        let bob = try await sidecar(2, "bob", hubs: [url])
        try await befriend(alice, bob)
        let caller = try await call("x", bob, from: alice)
        try await world.eventually("the stream runs") { caller.text == "x" }
        _ = try await world.wait { bob.runtime.perform(RevokeTrust(peer: PeerName(alice.key))) }
        try await world.eventually("the caller's stream is cut") { caller.end != nil }
        try await world.eventually("both ends know") { alice.ended == [bob.key] && bob.ended == [alice.key] }
        #expect(throws: (any Error).self) {
            try alice.node.openStream(to: bob.key, port: VirtualPort(80), handler: Echo())
        }
        try await stop(hub, alice, bob)
    }

    @Test func `an invitation works with no hub at all (R9)`() async throws {
        let alice = try await sidecar(1, "alice", hubs: [])
        let bob = try await sidecar(2, "bob", hubs: [])
        let made = try await world.wait {
            alice.runtime.perform(CreateInvitation(uses: 1, expiresMs: 60 * 1_000, services: .all))
        }
        let token = made.invitation
        let joined = try await world.wait { bob.runtime.perform(JoinInvitation(invitation: token)) }
        #expect(joined.state == "trusted" && joined.name == "alice")
        let caller = try await call("direct", alice, from: bob)
        try await world.eventually("the echo comes back") { caller.text == "direct" }
        // Whoever comes later with the same invitation is told that it is used up, long before his patience ends.
        let carol = try await sidecar(3, "carol", hubs: [])
        let asked = ContinuousClock.now
        let error = await #expect(throws: Problem.self) {
            try await world.wait { carol.runtime.perform(JoinInvitation(invitation: token)) }
        }
        #expect(error?.code == "bad-invitation")
        #expect(ContinuousClock.now - asked < .seconds(10))
        try await stop(nil, alice, bob, carol)
    }

    @Test func `peers that know each other still meet while the hub is down, and after a restart`() async throws {
        let hub = try await hub()
        let url = try #require(hub.url)
        let alice = try await sidecar(1, "alice", hubs: [url])
        let bob = try await sidecar(2, "bob", hubs: [url])
        try await befriend(alice, bob)
        try await world.wait { hub.stop() }
        let caller = try await call("still here", bob, from: alice)
        try await world.eventually("the session lives on") { caller.text == "still here" }
        try await world.wait { alice.stop() }
        let again = try await sidecar(1, "alice", hubs: [url])
        try await world.eventually("the restarted sidecar greets its peer") { again.runtime.isConnected(bob.key) }
        let second = try await call("again", bob, from: again)
        try await world.eventually("a new call works") { second.text == "again" }
        try await stop(nil, again, bob)
    }

    @Test func `a hub that restarts knows its nodes, their mail and their revocations`() async throws {
        let first = try await hub()
        let url = try #require(first.url)
        let alice = try await sidecar(1, "alice", hubs: [url])
        try await world.eventually("registered") { first.trail.events.count == 2 }
        let target = identity(2).key
        _ = try await world.wait {
            alice.runtime.perform(RequestTrust(peer: .peer(PeerName(target)), services: .all, note: ""))
        }
        try await world.wait { first.stop() }
        let second = try await hub(port: Int(url.place.port))
        let bob = try await sidecar(2, "bob", hubs: [url])
        try await world.eventually("mail from before the restart arrives") { bob.runtime.pendingCount == 1 }
        try await stop(second, alice, bob)
    }

    @Test func `a hub answers nobody before its audit trail has the change (R11)`() async throws {
        let hub = try await hub()
        let url = try #require(hub.url)
        try await world.on { hub.trail.hold() }
        let alice = try await sidecar(1, "alice", hubs: [url])
        try await world.eventually("the registration is recorded") { hub.trail.events.count == 2 }
        let answer = Mutex<JSONValue?>(nil)
        try await world.on {
            let request = HubRequest.register(contacts: []).document
            try RPCClientStream.ask(request, of: url.key, port: HubPort.requests, on: alice.node) { document in
                answer.withLock { $0 = document }
            }
        }
        // Two round trips behind it the hub has the request.
        for _ in 0..<2 { _ = try await world.wait { alice.node.ping(url.key) } }
        #expect(answer.withLock { $0 } == nil)
        try await world.on { hub.trail.release() }
        try await world.eventually("the hub answers") { answer.withLock { $0?["ok"] } == true }
        try await stop(hub, alice)
    }

    @Test func `while the disk stands still commands wait, and everything else goes on`() async throws {
        let hub = try await hub()
        let url = try #require(hub.url)
        let alice = try await sidecar(1, "alice", hubs: [url])
        let bob = try await sidecar(2, "bob", hubs: [url])
        try await befriend(alice, bob)
        let journal = directory.path + "/alice/trust.journal"
        let barrier = DispatchSemaphore(value: 0)
        world.disk.execute { barrier.wait() }
        let answered = Mutex(0)
        let invitations = try await world.on {
            (0..<50).map { _ in
                let invited = alice.runtime.perform(CreateInvitation(expiresMs: 60_000))
                invited.whenSuccess { _ in answered.withLock { $0 += 1 } }
                return invited
            }
        }
        let caller = try await call("meanwhile", alice, from: bob)
        try await world.eventually("a peer's call is served") { caller.text == "meanwhile" }
        let revoked = try await world.on { alice.runtime.perform(RevokeTrust(peer: PeerName(bob.key))) }
        try await world.eventually("a revocation cuts at once") { caller.end != nil && alice.ended == [bob.key] }
        #expect(answered.withLock { $0 } == 0, "nothing is promised before it is on the disk")
        barrier.signal()
        for invitation in invitations { _ = try await invitation.get() }
        #expect(try await revoked.get().state == "revoked")
        let lines = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n")
        #expect(lines.filter { $0.contains("invited") }.count <= 2, "commands that wait together share a sync")
        try await stop(hub, alice, bob)
    }

    @Test func `a sidecar that stops has written everything, and answers what it has written`() async throws {
        let alice = try await sidecar(1, "alice", hubs: [])
        let barrier = DispatchSemaphore(value: 0)
        world.disk.execute { barrier.wait() }
        let invited = try await world.on {
            alice.runtime.perform(CreateInvitation(expiresMs: 60_000))
        }
        let stopped = try await world.on { alice.stop() }
        let late = try await world.on { alice.runtime.perform(ListTrust()) }
        await #expect(throws: Problem.self) { try await late.get() }
        barrier.signal()
        #expect(try await invited.get().uses == 1)
        try await stopped.get()
        let state = StateDirectory(path: directory.path + "/alice")
        #expect(try String(contentsOfFile: state.journalPath, encoding: .utf8).contains("invited"))
        let actions = try AuditFile.lines(path: state.auditPath, since: nil).compactMap {
            try JSONValue(parsing: $0)["action"]?.string
        }
        #expect(actions == ["start", "invitation.create", "stop"])
        let verifier = AuditVerifier(path: state.auditPath, owner: .key(alice.key))
        guard case .intact(let head, unvouchedCount: 0) = try verifier.verdict() else {
            Issue.record("the trail is broken")
            return
        }
        #expect(head.sequence == 3)
        try await world.end()
    }

    private func stop(_ hub: RunningHub?, _ sidecars: RunningSidecar...) async throws {
        for sidecar in sidecars { try await world.wait { sidecar.stop() } }
        if let hub { try await world.wait { hub.stop() } }
        try await world.end()
    }
}
