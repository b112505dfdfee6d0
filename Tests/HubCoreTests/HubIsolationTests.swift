import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

private let dave = identity(4)
private let nobody = identity(90).key

/// Two networks on one hub: whatever is asked across the border is answered, byte for byte, as what does not exist, and
/// costs the hub the same reads, writes and actions (R8, R10).
@Suite struct HubIsolationTests {
    private var world = HubWorld()
    private let random = RandomSource(seed: Array(repeating: 8, count: 32))
    private let acme: NetworkState
    private let acmeGenesis: NetworkEntry
    private let credential: NetworkCredential
    private let nowhere: NetworkID

    init() throws {
        world.join(alice, bob, carol, dave)
        let (genesis, key) = NetworkAuthor.found(
            by: alice,
            name: "acme",
            label: nil,
            hubs: [],
            at: time(0),
            using: random
        )
        var state = try NetworkState(genesis)
        let seed = [UInt8](repeating: 70, count: 32)
        let authority = try NodeIdentity(seed: seed).key
        var author = NetworkAuthor(alice, after: state, key: key, at: time(0))
        let entries = [
            genesis,
            author.write(.add(bob.key, expires: nil), ["label": "bob"], keyFor: [bob.key], using: random),
            author.write(.authorize(authority, lifetime: 60_000), ["groups": []], using: random),
        ]
        for entry in entries.dropFirst() { try state.apply(entry) }
        #expect(world.ask(.append(state.id, entries), from: alice).answer.isGood)
        let (other, _) = NetworkAuthor.found(
            by: carol,
            name: "other",
            label: nil,
            hubs: [],
            at: time(0),
            using: random
        )
        #expect(world.ask(.append(NetworkID(other.hash), [other]), from: carol).answer.isGood)
        acme = state
        acmeGenesis = genesis
        // Of a network that is nowhere, an entry is as good as of any other.
        nowhere = NetworkID(entries[2].hash)
        let made = NetworkAuthority(
            network: state.id,
            name: "acme",
            hubs: [],
            head: state.head,
            groups: [],
            lifetime: .seconds(60),
            seed: seed,
            key: key
        )
        let link = made.certify(dave.key, groups: [], lifetime: .seconds(60), at: time(0), using: random)
        credential = try #require(link).credential
        // The first refusal of each is recorded, the others are counted.
        for node in [carol, dave] { _ = world.ask(.meet(target: nobody, in: nowhere), from: node) }
    }

    /// The same question, about what is on the other side of the border and about what is nowhere.
    private var questions: [(name: String, here: HubRequest, there: HubRequest)] {
        let guest = identity(91)
        let proof = NetworkProof(of: guest, for: carol.key, joining: acme.id)
        let beat = NetworkBeat(of: carol, for: acme.id, at: acme.head, time: time(1))
        let grant = Grant(from: carol, to: bob.key, services: .all, issued: time(0))
        let box = [UInt8](repeating: 1, count: 64)
        return [
            ("read", .read(acme.id, after: [], proof: nil), .read(nowhere, after: [], proof: nil)),
            ("read with a proof", .read(acme.id, after: [], proof: proof), .read(nowhere, after: [], proof: proof)),
            (
                "read behind an entry", .read(acme.id, after: [acmeGenesis.hash], proof: nil),
                .read(nowhere, after: [acmeGenesis.hash], proof: nil)
            ),
            ("append", .append(acme.id, [acmeGenesis]), .append(nowhere, [acmeGenesis])),
            ("meet a member", .meet(target: bob.key, in: acme.id), .meet(target: nobody, in: nowhere)),
            ("meet in the wrong network", .meet(target: bob.key, in: nowhere), .meet(target: nobody, in: nowhere)),
            ("meet who is nowhere", .meet(target: nobody, in: acme.id), .meet(target: nobody, in: nowhere)),
            ("beat", .beat(acme.id, [beat]), .beat(nowhere, [beat])),
            ("show nothing", .show(nil, in: acme.id), .show(nil, in: nowhere)),
            ("show what is another's", .show(credential, in: acme.id), .show(credential, in: nowhere)),
            (
                "resolve by a grant of one's own", .resolve(target: bob.key, grant: grant),
                .resolve(target: nobody, grant: grant)
            ),
            ("mail", .deposit(target: bob.key, sealed: box), .deposit(target: nobody, sealed: box)),
            ("recall", .recall([bob.key]), .recall([nobody])),
            ("release", .release(RelayChannel(7)), .release(RelayChannel(8))),
        ]
    }

    @Test mutating func `every call across the border is answered as what does not exist, in bytes and in work`() {
        for (name, here, there) in questions {
            for node in [carol, identity(92)] {
                let (mine, none) = (outcome(of: here, from: node), outcome(of: there, from: node))
                #expect(mine.answer == none.answer, "\(name)")
                #expect(mine.reads == none.reads, "\(name) reads the same")
                #expect(mine.writes == none.writes, "\(name) writes the same")
                #expect(mine.actions == none.actions, "\(name) does the same")
            }
        }
    }

    @Test mutating func `nobody is told anything of a network that is not its own`() throws {
        var author = NetworkAuthor(
            alice,
            after: acme,
            key: try #require(ContentKey(bytes: Array(repeating: 3, count: 32))),
            at: time(1)
        )
        let entry = author.write(.add(identity(93).key, expires: nil), ["label": nil], using: random)
        var told = world.ask(.append(acme.id, [entry]), from: alice).actions
        told += world.ask(.show(credential, in: acme.id), from: dave).actions
        let beat = NetworkBeat(of: alice, for: acme.id, at: entry.place, time: time(1))
        told += world.ask(.beat(acme.id, [beat]), from: alice).actions
        told += world.ask(.meet(target: bob.key, in: acme.id), from: dave).actions
        #expect(pushes(told, to: bob).contains(.credential(credential)) && pushes(told, to: bob).contains(.beat(beat)))
        let channels = pushes(told, to: bob).filter { event in
            if case .channel(_, dave.key, credential, _) = event { true } else { false }
        }
        #expect(channels.count == 1)
        #expect(pushes(told, to: carol).isEmpty)
        #expect(pushes(world.ask(.show(nil, in: acme.id), from: bob).actions, to: bob) == [.credential(credential)])
    }

    @Test mutating func `a network that floods the hub changes no answer of another (N18)`() throws {
        let other = NetworkAuthor.found(
            by: bob,
            name: "calm",
            label: nil,
            hubs: [],
            at: time(0),
            using: random
        )
        let calm = NetworkID(other.genesis.hash)
        #expect(world.ask(.append(calm, [other.genesis]), from: bob).answer.isGood)
        var state = acme
        let key = try #require(ContentKey(bytes: Array(repeating: 3, count: 32)))
        var refused = 0
        for _ in 0..<400 {
            var author = NetworkAuthor(alice, after: state, key: key, at: time(1))
            let entry = author.write(.name(bob.key), ["label": "bob"], using: random)
            switch world.ask(.append(acme.id, [entry]), from: alice).answer {
            case .appended: try state.apply(entry)
            case let answer:
                #expect(answer == .refused(.overLimit))
                refused += 1
            }
        }
        #expect(refused > 100, "it is held to its rate")
        var author = NetworkAuthor(bob, after: try NetworkState(other.genesis), key: other.key, at: time(1))
        let entry = author.write(.freshness, ["warn": 60_000], using: random)
        #expect(world.ask(.append(calm, [entry]), from: bob).answer.isGood)
        #expect(world.ask(.meet(target: alice.key, in: acme.id), from: bob).answer.isOnline)
    }

    /// What a request comes to, without what only names it: the answer in bytes, and how much work of which kind.
    private mutating func outcome(
        of request: HubRequest,
        from node: NodeIdentity
    ) -> (answer: [UInt8], reads: [Int], writes: [String], actions: [String]) {
        let id = world.nextID()
        let input = HubInput.request(request, id: id, from: node.key, in: .unknown, at: world.now)
        let reads = world.hub.reads(for: [input])
        var writes: [HubWrite] = []
        var store = Spied(rows: world.store)
        let (actions, _) = world.hub.process([input], in: &store)
        (world.store, writes) = (store.rows, store.writes)
        let answers = actions.compactMap { if case .answer(_, let answer) = $0 { answer } else { nil } }
        return (
            answers[0].document.canonicalBytes,
            [
                reads.registrations.count, reads.mailboxes.count, reads.headers.count, reads.mail.count,
                reads.revocations.count, reads.networks.count, reads.entries.count,
            ],
            writes.map(\.kind),
            // That mail has come is told to its reader alone.
            actions.filter { pushes([$0], to: bob).isEmpty }.map(\.kind)
        )
    }
}

/// A store that notes what is written.
private struct Spied: HubStore {
    var rows: MemoryHubStore
    var writes: [HubWrite] = []

    mutating func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws {
        var written: [HubWrite] = []
        rows.transaction(reads) { facts in
            written = decide(facts)
            return written
        }
        writes += written
    }
}

extension HubWrite {
    /// The case without what it is about.
    fileprivate var kind: String { String("\(self)".prefix { $0 != "(" }) }
}

extension HubAction {
    /// The same.
    fileprivate var kind: String { String("\(self)".prefix { $0 != "(" }) }
}
