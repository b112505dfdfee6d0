import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

/// A store in memory whose disk may be full.
struct FailingStore: HubStore {
    struct Full: Error {}

    var store = MemoryHubStore()
    var isFull = false

    mutating func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws {
        guard isFull else { return store.transaction(reads, decide) }
        var copy = store
        copy.transaction(reads, decide)
        throw Full()
    }
}

/// A store that another hub uses too: a decision has to be made again when it registers `node` in between.
struct SharedStore: HubStore {
    var store = MemoryHubStore()
    let registration: Registration

    mutating func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) {
        var copy = store
        copy.transaction(reads, decide)
        store.transaction(HubReads()) { _ in [.register(registration)] }
        store.transaction(reads, decide)
    }
}

@Suite struct HubFailureTests {
    var hub = Hub(identity: hubIdentity)
    var store = FailingStore()

    mutating func ask(_ request: HubRequest, from node: NodeIdentity) -> [HubAction] {
        process(.request(request, id: HubRequestID(1), from: node.key, at: moment(0)))
    }

    mutating func process(_ inputs: HubInput...) -> [HubAction] { hub.process(inputs, in: &store).actions }

    @Test mutating func `when the store fails, nothing of the batch has happened`() {
        _ = process(.watchOpened(by: alice.key, at: time(0)), .watchOpened(by: bob.key, at: time(0)))
        _ = ask(.register(contacts: []), from: bob)
        let opened = ask(.resolve(target: bob.key, grant: bobsGrant), from: alice)
        #expect(opened.last == .answer(HubRequestID(1), .online(RelayChannel(1))))
        store.isFull = true
        let revocation = Revocation(from: bob, to: alice.key, issued: time(5))
        let requests: [(HubRequest, NodeIdentity)] = [
            (.register(contacts: []), alice), (.deregister, bob), (.deposit(target: bob.key, sealed: [1]), alice),
            (.revoke(revocation), bob), (.resolve(target: bob.key, grant: bobsGrant), alice),
        ]
        for (request, node) in requests {
            #expect(ask(request, from: node) == [.answer(HubRequestID(1), .refused(.unavailable))])
        }
        store.isFull = false
        let again = ask(.resolve(target: bob.key, grant: bobsGrant), from: alice)
        #expect(again == [.answer(HubRequestID(1), .online(RelayChannel(1)))], "the channel and the grant still stand")
        #expect(pushes(process(.watchOpened(by: bob.key, at: time(0))), to: bob).last == .ready)
    }

    @Test mutating func `a node whose mail cannot be read loses its event stream, and is not present`() {
        _ = ask(.register(contacts: []), from: bob)
        _ = process(.watchOpened(by: alice.key, at: time(0)))
        store.isFull = true
        #expect(process(.watchOpened(by: bob.key, at: time(0))) == [.endWatch(bob.key)])
        store.isFull = false
        let answer = ask(.resolve(target: bob.key, grant: bobsGrant), from: alice)
        #expect(answer == [.answer(HubRequestID(1), .offline)])
        let told = process(.watchOpened(by: bob.key, at: time(0)))
        #expect(pushes(told, to: alice) == [.channel(RelayChannel(1), peer: bob.key)])
    }

    @Test mutating func `a node that leaves while the store fails has left`() {
        _ = ask(.register(contacts: []), from: bob)
        _ = process(.watchOpened(by: alice.key, at: time(0)), .watchOpened(by: bob.key, at: time(0)))
        _ = ask(.resolve(target: bob.key, grant: bobsGrant), from: alice)
        store.isFull = true
        #expect(pushes(process(.watchClosed(by: bob.key, at: time(0))), to: alice) == [.closed(RelayChannel(1))])
    }

    @Test func `a decision that is made again because another hub wrote counts once, as it is then (N16)`() {
        var settings = HubSettings.defaults
        settings.nodeCount = 1
        var hub = Hub(identity: hubIdentity, settings: settings)
        var store = SharedStore(
            registration: Registration(key: carol.key, contacts: [], registered: time(0), seen: time(0))
        )
        let register = HubInput.request(.register(contacts: []), id: HubRequestID(1), from: alice.key, at: moment(0))
        let (actions, failure) = hub.process([register], in: &store)
        #expect(actions == [.answer(HubRequestID(1), .refused(.full))] && failure == nil)
    }
}
