import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

@testable import HubCore

/// Hubs that share one store (RULES N16).
@Suite struct HubClusterTests {
    /// Two hubs over one store: what one tells is what the other hears.
    struct Pair {
        var first = HubWorld()
        var second = HubWorld()

        init() {
            let tags = HubTags(secret: [1])
            first.hub = Hub(identity: hubIdentity, tags: tags)
            second.hub = Hub(identity: carol, tags: tags)
            _ = first.hub.join(HubCluster(others: [url(of: carol)], store: "1"))
            _ = second.hub.join(HubCluster(others: [url(of: hubIdentity)], store: "1"))
        }

        /// Does `body` at one hub over the store of both; returns what it told the others.
        mutating func at(
            _ hub: WritableKeyPath<Pair, HubWorld>,
            _ body: (inout HubWorld) -> Void
        ) -> [HubNotice] {
            let former = hub == \.first ? second.store : first.store
            self[keyPath: hub].store = former
            self[keyPath: hub].store.notices = []
            body(&self[keyPath: hub])
            let store = self[keyPath: hub].store
            (first.store, second.store) = (store, store)
            return store.notices
        }
    }

    @Test func `mail left at one hub is told, and reaches a reader at another`() {
        var pair = Pair()
        _ = pair.at(\.first) { $0.join(bob) }
        let told = pair.at(\.second) { world in
            world.join(alice)
            _ = world.ask(.deposit(target: bob.key, sealed: [7], evidence: .grant(bobsGrant)), from: alice)
        }
        let id = RecordID(ofBytes: [7])
        #expect(told == [.mail(id, for: bob.key)])
        var events: [HubEvent] = []
        _ = pair.at(\.first) { world in events = pushes(world.process(.told(told[0])), to: bob) }
        #expect(events == [.mail(id: id, sealed: [7], as: .known)])
        // Whoever is not there is not looked for.
        var reads = HubReads()
        _ = pair.at(\.second) { world in reads = world.hub.reads(for: [.told(told[0])]) }
        #expect(reads == HubReads())
    }

    @Test func `a revocation at one hub closes the channel at another, and its names are hidden (N14)`() {
        var pair = Pair()
        _ = pair.at(\.first) { world in
            world.join(alice, bob)
            #expect(world.ask(.resolve(target: bob.key, grant: bobsGrant), from: alice).answer.isOnline)
        }
        let told = pair.at(\.second) { world in
            _ = world.ask(.revoke(Revocation(from: bob, to: alice.key, issued: time(5))), from: bob)
        }
        let subject = told.first?.record.subject ?? []
        for node in [alice, bob] { #expect(subject.firstRange(of: node.key.bytes) == nil) }
        _ = pair.at(\.first) { world in
            let actions = world.process(.told(told[0]))
            #expect(pushes(actions, to: alice) == [.closed(RelayChannel(1))])
        }
        guard case .revoked(let hidden)? = told.first else { return #expect(Bool(false)) }
        #expect(HubTags(secret: [2]).names(hidden) == nil, "with another secret they cannot be read")
    }

    @Test func `a node is found at its other home, while the hub there serves`() {
        var pair = Pair()
        _ = pair.at(\.first) { $0.join(bob) }
        let lookUp = HubRequest.resolve(target: bob.key, grant: bobsGrant)
        _ = pair.at(\.second) { world in
            world.join(alice)
            #expect(world.ask(lookUp, from: alice).answer == .away(homes: [url(of: hubIdentity)]))
            #expect(world.ask(lookUp, from: carol).answer == .refused(.notWatching))
            _ = world.hub.join(HubCluster(others: [], store: "1"))
            #expect(world.ask(lookUp, from: alice).answer == .offline)
        }
    }

    @Test func `a visit leaves contact cards and homes as they are`() {
        var pair = Pair()
        let card = RecordID(ofBytes: [1])
        _ = pair.at(\.first) { _ = $0.ask(.register(contacts: [card]), from: bob) }
        _ = pair.at(\.second) { world in
            #expect(world.ask(.visit(), from: bob).answer.isGood)
            #expect(world.registration(of: bob)?.contacts == [card])
            #expect(world.registration(of: bob)?.homes == [hubIdentity.key])
            #expect(world.ask(.register(contacts: [card]), from: bob).answer.isGood)
            #expect(world.registration(of: bob)?.homes == [carol.key, hubIdentity.key])
        }
    }

    @Test func `nodes are told of other hubs, of a draining one, and of an older copy of the store`() {
        var world = HubWorld()
        world.join(alice)
        func tell(_ cluster: HubCluster) -> [HubAction] { world.hub.join(cluster) }
        let others = [url(of: carol)]
        let one = HubCluster(others: others, store: "1")
        #expect(pushes(tell(one), to: alice) == [.hubs(others, store: "1", isDraining: false)])
        #expect(tell(one).isEmpty, "what is known is not told again")
        let draining = HubCluster(others: others, store: "1", isDraining: true)
        #expect(pushes(tell(draining), to: alice) == [.hubs(others, store: "1", isDraining: true)])
        let renewed = HubCluster(others: others, store: "2")
        #expect(pushes(tell(renewed), to: alice) == [.hubs(others, store: "2", isDraining: false)])
        #expect(pushes(world.watch(alice), to: alice) == [.hubs(others, store: "2", isDraining: false), .ready])
    }

    @Test func `notices come back from their records, and what is none is left out`() throws {
        let hidden = HubTags(secret: [1]).hidden(GrantPair(giver: alice.key, subject: bob.key))
        let notices: [HubNotice] = [
            .mail(RecordID(ofBytes: [1]), for: alice.key), .revoked(hidden), .deregistered(bob.key),
            .network(NetworkID(try #require(NetworkHash(bytes: alice.key.bytes)))),
        ]
        for notice in notices {
            let (kind, subject) = notice.record
            #expect(HubNotice(kind: kind, subject: subject) == notice)
            for length in 0..<subject.count where kind != 1 {
                #expect(HubNotice(kind: kind, subject: Array(subject.prefix(length))) == nil)
            }
        }
        #expect(HubNotice(kind: 9, subject: alice.key.bytes) == nil)
    }
}

/// Where a hub is.
func url(of hub: NodeIdentity) -> HubURL {
    guard let url = HubURL(HostPort(host: "127.0.0.1", port: 4600)!, key: hub.key) else {
        preconditionFailure("the URL is valid")
    }
    return url
}

extension HubWorld {
    /// What the store holds of `node`.
    func registration(of node: NodeIdentity) -> Registration? {
        var reads = HubReads()
        reads.registrations = [node.key]
        var copy = store
        var found: Registration?
        copy.transaction(reads) { facts in
            found = facts.registrations[node.key]
            return []
        }
        return found
    }
}
