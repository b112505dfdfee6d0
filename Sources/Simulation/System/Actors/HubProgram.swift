import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TrustCore

/// One end of a conversation that a hub relays: the node and its channel.
struct RelayEnd: Hashable, Sendable {
    let node: NodeKey
    let channel: RelayChannel
}

/// A hub with its store: the real ``HubCore/Hub``, driven in batches as the shell drives it.
struct HubProgram {
    /// What there is while it runs.
    struct Life {
        var hub: Hub
        /// Inputs that wait for the store.
        var batch: [HubInput] = []
        /// The batch at the store; empty: the store is idle.
        var underWay: [HubInput] = []
        var requests: [HubRequestID: Request] = [:]
        var lastRequest: UInt64 = 0
        var watches: [NodeKey: Watch] = [:]
        /// Where sealed packets of a conversation go.
        var bridges: [RelayEnd: RelayEnd] = [:]
    }

    /// Whom an answer is for.
    struct Request {
        let sidecar: Int
        let session: SessionNumber
        let id: SidecarRequestID
        let request: HubRequest
    }

    /// The event stream of a node.
    struct Watch {
        let sidecar: Int
        let session: SessionNumber
        let number: WatchNumber
        /// When the last event arrives.
        var lastArrival: Instant
    }

    /// Work is cheap, for it is done in no time here.
    private static let settings: HubSettings = {
        var settings = HubSettings.defaults
        settings.strangerPrice = StrangerPrice(least: 4, most: 8)
        return settings
    }()

    let number: Int
    let identity: NodeIdentity
    let url: HubURL
    /// What survives every crash: a transaction is there as a whole or not at all.
    private var store = UnreliableStore()
    /// What it lies about.
    var lies = HubLies()
    var audit: SimulatedAudit
    /// Nil while it does not run.
    var life: Life?
    private(set) var lifeNumber = LifeNumber()
    /// Mail that was taken and not fetched: what a crash must leave.
    private var taken: [NodeKey: Set<RecordID>] = [:]
    /// Revocations that were taken.
    private var revoked: [RevocationKey: Timestamp] = [:]
    /// Marks that were taken.
    private var marks: [NodeKey: StateMark] = [:]
    private var auditedCount: Int64 = 0

    init(number: Int, identity: NodeIdentity, url: HubURL) {
        self.number = number
        self.identity = identity
        self.url = url
        audit = SimulatedAudit(of: identity)
    }

    var key: NodeKey { identity.key }
    var id: ProgramID { .hub(number) }

    var isDiskFailing: Bool {
        get { store.isFailing }
        set { store.isFailing = newValue }
    }

    /// Starts it from what its store holds.
    mutating func start() throws(StartFault) {
        var reads = HubReads()
        for (target, ids) in taken { reads.mail.formUnion(ids.map { MailKey(target: target, id: $0) }) }
        reads.revocations = Set(revoked.keys)
        reads.registrations = Set(marks.keys)
        let facts = store.facts(reads)
        if !lies.isHonest { (taken, revoked, marks) = ([:], [:], [:]) }
        guard !lies.isHonest || facts.mail == reads.mail else { throw .lostRow("mail that it had taken") }
        for (key, until) in revoked {
            guard let kept = facts.revocations[key], kept.issued >= until else { throw .lostRow("a revocation") }
        }
        for (node, mark) in marks {
            guard let kept = facts.registrations[node]?.mark, kept.head.sequence >= mark.head.sequence else {
                throw .lostRow("a mark")
            }
        }
        do { try audit.open() } catch { throw .audit(error) }
        guard audit.count >= auditedCount else { throw .lostEntries(found: audit.count, expected: auditedCount) }
        lifeNumber.rawValue += 1
        life = Life(hub: Hub(identity: identity, settings: Self.settings))
    }

    /// Ends it without a word. The transaction under way may be committed, of which nobody hears then.
    mutating func end(_ crash: SimulatedFile.Crash, _ random: inout SeededRandom) {
        if let life, random.happens(0.5) {
            var hub = life.hub
            let (_, failure) = hub.process(life.underWay, in: &store)
            if failure == nil { noteFetched(life.underWay) }
        }
        auditedCount = audit.survive(crash, &random)
        life = nil
    }

    /// Takes a request against its node's rates. Returns the answer when it does not get further.
    mutating func admit(_ id: HubRequestID, from node: NodeKey, in network: SourceNetwork, at now: Clocks) -> HubAction?
    {
        guard var life = life.take() else { return nil }
        defer { self.life = life }
        let request = life.requests[id]?.request
        let admitted = life.hub.admit(from: node, in: network, at: now) { () throws(HubRefusal) in
            try HubRequest(received: request?.document)
        }
        switch admitted {
        case .success(let request):
            life.batch.append(.request(request, id: id, from: node, in: network, at: now))
            return nil
        case .failure(let refusal):
            return .answer(id, .refused(refusal))
        }
    }

    /// Gives what has gathered to the store, unless it is at work. Returns whether a transaction has begun.
    mutating func beginTransaction() -> Bool {
        guard let batch = life?.batch, !batch.isEmpty, life?.underWay.isEmpty == true else { return false }
        life?.underWay = batch
        life?.batch = []
        return true
    }

    /// The transaction is over, and committed unless the disk fails. Returns what is to be done.
    mutating func endTransaction() -> [HubAction] {
        guard var life = life.take() else { return [] }
        let batch = life.underWay
        let deceived = batch.filter { $0.node.map(lies.isDeceived) ?? false }
        var (actions, failure) = life.hub.process(batch.filter { !deceived.contains($0) }, in: &store)
        actions = lies.kept(actions, isOther: false) + lies.process(deceived)
        life.underWay = []
        self.life = life
        if failure == nil { noteFetched(batch) }
        for case .answer(let id, .done) in actions { promise(id) }
        return actions
    }

    /// Notes what the answer to `id` promises.
    private mutating func promise(_ id: HubRequestID) {
        switch life?.requests[id]?.request {
        case .deposit(let target, let sealed, _):
            let mail = MailKey(target: target, id: RecordID(ofBytes: sealed))
            var reads = HubReads()
            reads.mail = [mail]
            // A full mailbox drops mail without a word.
            if store.facts(reads).mail.contains(mail) { taken[target, default: []].insert(mail.id) }
        case .revoke(let revocation):
            let key = HubTags(of: identity).revocation(by: revocation.giver, of: revocation.subject)
            revoked[key] = max(revoked[key] ?? revocation.issued, revocation.issued)
        case .mark(let mark): marks[mark.node] = mark
        case .acknowledge, .register, .visit, .deregister, .resolve, .release, .recall, .meet, .append, .read, .beat,
            .show, .box, nil:
            break
        }
    }

    /// From here on it shows some nodes another history than the others.
    mutating func fork(for nodes: Set<NodeKey>) {
        guard let hub = life?.hub else { return }
        lies.fork(HubLies.Face(hub: hub, store: store, nodes: nodes))
    }

    /// Keeps a copy of its store, which it may bring back.
    mutating func copyStore() { lies.copies.append(store) }

    /// Puts an old copy in the place of its store.
    mutating func bringBack(_ number: Int) {
        lies.isHonest = false
        store = lies.copies[number]
    }

    /// Mail that nodes have acknowledged in a committed `batch` is gone, and so is what made way for later mail.
    private mutating func noteFetched(_ batch: [HubInput]) {
        for case .request(.acknowledge(let ids), _, let node, _, _) in batch { taken[node]?.subtract(ids) }
        for case .request(.deposit(let target, _, _), _, _, _, _) in batch {
            guard let waiting = taken[target] else { continue }
            var reads = HubReads()
            reads.mail = Set(waiting.map { MailKey(target: target, id: $0) })
            taken[target] = Set(store.facts(reads).mail.map(\.id))
        }
    }
}

/// A hub's store on a disk that can fail.
struct UnreliableStore: HubStore {
    private struct Failure: Error {}

    private var rows = MemoryHubStore()
    var isFailing = false

    mutating func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws {
        guard !isFailing else { throw Failure() }
        rows.transaction(reads, decide)
    }

    /// What it holds of the rows that `reads` names.
    func facts(_ reads: HubReads) -> HubFacts {
        var (copy, found) = (rows, HubFacts())
        copy.transaction(reads) { facts in
            found = facts
            return []
        }
        return found
    }
}
