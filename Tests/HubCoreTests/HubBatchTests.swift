import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import TestSupport
import Testing
import TrustCore

/// A store in memory that fetches every row for every batch, whether the hub named it or not.
struct ReadingAllStore: HubStore {
    var store = MemoryHubStore()
    let nodes: [NodeKey]
    let mail: [RecordID]

    mutating func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) {
        var all = HubReads()
        let tags = HubTags(of: hubIdentity)
        all.registrations = Set(nodes)
        all.mailboxes = Set(nodes)
        all.headers = Set(nodes)
        all.mail = Set(nodes.flatMap { node in mail.map { MailKey(target: node, id: $0) } })
        all.revocations = Set(nodes.flatMap { giver in nodes.map { tags.revocation(by: giver, of: $0) } })
        store.transaction(all, decide)
    }
}

/// Inputs of a few nodes that meet each other's bounds, revocations and absences all the time.
struct RandomInputs {
    static let identities = (1...5).map { identity($0) }
    static let boxes: [[UInt8]] = (1...6).map { Array(repeating: $0, count: 40) }
    static let settings: HubSettings = {
        var settings = HubSettings.defaults
        settings.nodeCount = 3
        settings.strangerMailbox = MailboxShare(count: 2, countPerSource: 1)
        settings.knownMailbox = MailboxShare(count: 3, countPerSource: 2)
        settings.changes = RateLimit(burst: 9, perHour: 60)
        settings.channelCount = 2
        settings.bridgeCount = 3
        settings.awaitedCount = 2
        return settings
    }()

    private var random: SplitMix
    private var count: UInt64 = 0

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    mutating func next() -> HubInput {
        count += 1
        let now = moment(Int64(count))
        let node = pick(Self.identities)
        switch random.next() % 10 {
        case 0: return .watchOpened(by: node.key, at: now.wall)
        case 1: return .watchClosed(by: node.key, at: now.wall)
        default:
            let request = request(of: node, at: now.wall)
            return .request(request, id: HubRequestID(count), from: node.key, in: network(Int(count) % 3), at: now)
        }
    }

    private mutating func request(of node: NodeIdentity, at now: Timestamp) -> HubRequest {
        let other = pick(Self.identities.filter { $0.key != node.key })
        switch random.next() % 10 {
        case 0, 1: return .register(contacts: pick([[], [RecordID(ofBytes: [1])]]))
        case 2: return .deregister
        case 3: return .deposit(target: other.key, sealed: pick(Self.boxes))
        case 4:
            let grant = Grant(from: other, to: node.key, services: .all, issued: now)
            return .deposit(target: other.key, sealed: pick(Self.boxes), evidence: .grant(grant))
        case 5: return .acknowledge([RecordID(ofBytes: pick(Self.boxes)), RecordID(ofBytes: pick(Self.boxes))])
        case 6: return .release(RelayChannel(UInt32(random.next() % 4)))
        case 7: return .revoke(Revocation(from: node, to: other.key, issued: now))
        default:
            let issued = time(Int64(random.next() % (count + 1)))
            return .resolve(
                target: other.key,
                grant: Grant(from: other, to: node.key, services: .all, issued: issued)
            )
        }
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int(random.next() % UInt64(elements.count))]
    }
}

@Suite struct HubBatchTests {
    @Test(arguments: UInt64(1)...20)
    func `a batch of any size does what its inputs do one after another (N16)`(seed: UInt64) {
        var inputs = RandomInputs(seed: seed)
        var random = SplitMix(seed: seed)
        var (single, batched) = (
            Hub(identity: hubIdentity, settings: RandomInputs.settings),
            Hub(identity: hubIdentity, settings: RandomInputs.settings)
        )
        var (singleStore, batchedStore) = (MemoryHubStore(), MemoryHubStore())
        for _ in 0..<40 {
            let batch = (0...random.next() % 12).map { _ in inputs.next() }
            let expected = batch.flatMap { single.process([$0], in: &singleStore).actions }
            #expect(batched.process(batch, in: &batchedStore).actions == expected)
        }
    }

    @Test(arguments: UInt64(1)...20)
    func `the reads name every row that a decision depends on (N16)`(seed: UInt64) {
        var inputs = RandomInputs(seed: seed)
        var (named, all) = (
            Hub(identity: hubIdentity, settings: RandomInputs.settings),
            Hub(identity: hubIdentity, settings: RandomInputs.settings)
        )
        var namedStore = MemoryHubStore()
        var allStore = ReadingAllStore(
            nodes: RandomInputs.identities.map(\.key),
            mail: RandomInputs.boxes.map { RecordID(ofBytes: $0) }
        )
        for _ in 0..<200 {
            let input = inputs.next()
            let expected = all.process([input], in: &allStore).actions
            #expect(named.process([input], in: &namedStore).actions == expected)
        }
    }

    @Test func `deciding has no effect and can be repeated over newer facts (N16)`() {
        var world = HubWorld()
        world.join(alice, bob)
        let resolve = HubRequest.resolve(target: bob.key, grant: bobsGrant)
        let input = HubInput.request(resolve, id: world.nextID(), from: alice.key, at: world.now)
        var facts = HubFacts()
        facts.registrations[bob.key] = Registration(key: bob.key, contacts: [], registered: time(0), seen: time(0))
        let first = world.hub.decide([input], over: facts)
        #expect(world.hub.decide([input], over: facts) == first)
        let key = HubTags(of: hubIdentity).revocation(by: bob.key, of: alice.key)
        facts.revocations[key] = StoredRevocation(issued: time(5), signature: [])
        let second = world.hub.decide([input], over: facts)
        #expect(second != first)
        let actions = world.hub.committed(second)
        #expect(pushes(actions, to: bob).isEmpty, "the decision that was not committed did nothing")
        #expect(world.ask(resolve, from: alice).answer == .online(RelayChannel(1)))
    }

    @Test func `what a look-up or a deposit asks the store for is the same for every target (R8, R9)`() {
        var world = HubWorld()
        world.join(alice, bob)
        func shape(_ request: HubRequest) -> [Int] {
            let input = HubInput.request(request, id: HubRequestID(0), from: alice.key, at: world.now)
            let reads = world.hub.reads(for: [input])
            return [
                reads.registrations.count, reads.mailboxes.count, reads.headers.count, reads.mail.count,
                reads.revocations.count,
            ]
        }
        let own = Grant(from: alice, to: bob.key, services: .all, issued: time(0))
        let lookUps = [bobsGrant, own].flatMap { grant in
            [bob.key, carol.key].map { shape(.resolve(target: $0, grant: grant)) }
        }
        // The asker's own registration, which tells whether its key is the current one, and the target's.
        #expect(Set(lookUps) == [[2, 0, 0, 0, 1]])
        let deposits = [bob.key, carol.key].map { shape(.deposit(target: $0, sealed: [1])) }
        #expect(Set(deposits) == [[2, 0, 1, 1, 1]])
    }
}
