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
        var hub: Hub<SimulatedHubStore>
        /// Inputs that wait for the store.
        var batch: [Input] = []
        /// What the batch at the store has led to; nil: the store is idle.
        var outcome: Outcome?
        var requests: [HubRequestID: Request] = [:]
        var lastRequest: UInt64 = 0
        var watches: [NodeKey: Watch] = [:]
        /// Where sealed packets of a conversation go.
        var bridges: [RelayEnd: RelayEnd] = [:]
    }

    /// Something that happened to the hub.
    enum Input {
        case request(HubRequestID, JSONValue, from: NodeKey)
        case watchOpened(NodeKey)
        case watchClosed(NodeKey)
    }

    /// What a batch has led to, once it is durable.
    struct Outcome {
        let actions: [HubAction]
        let batch: [Input]
        /// The hub as it was before: what it is again when the transaction fails.
        let before: Hub<SimulatedHubStore>
    }

    /// Whom an answer is for.
    struct Request {
        let sidecar: Int
        let session: SessionNumber
        let id: SidecarRequestID
        let request: HubRequest?
    }

    /// The event stream of a node.
    struct Watch {
        let sidecar: Int
        let session: SessionNumber
        let number: WatchNumber
        /// When the last event arrives.
        var lastArrival: Instant
    }

    let number: Int
    let identity: NodeIdentity
    let url: HubURL
    private let store = SimulatedHubStore()
    var audit = SimulatedAudit()
    var isDiskFailing = false
    /// Nil while it does not run.
    var life: Life?
    private(set) var lifeNumber = LifeNumber()
    /// Mail that was taken and not fetched: what a crash must leave.
    private var taken: [NodeKey: Set<RecordID>] = [:]
    /// Revocations that were taken.
    private var revoked: [ProgramRevocation: Timestamp] = [:]
    private var auditedCount: Int64 = 0

    private struct ProgramRevocation: Hashable {
        let giver: NodeKey
        let subject: NodeKey
    }

    init(number: Int, identity: NodeIdentity, url: HubURL) {
        self.number = number
        self.identity = identity
        self.url = url
    }

    var key: NodeKey { identity.key }
    var id: ProgramID { .hub(number) }

    /// Starts it from what its store holds.
    mutating func start() throws(StartFault) {
        store.rollBack()
        for (target, ids) in taken {
            let kept = Set(store.mail(for: target).map(\.id))
            guard ids.isSubset(of: kept) else { throw .lostRow("mail that it had taken") }
        }
        for (pair, until) in revoked {
            guard let kept = store.voidUntil(giver: pair.giver, subject: pair.subject), kept >= until else {
                throw .lostRow("a revocation")
            }
        }
        do { try audit.open(owner: key) } catch { throw .audit(error) }
        guard audit.count >= auditedCount else { throw .lostEntries(found: audit.count, expected: auditedCount) }
        lifeNumber.rawValue += 1
        life = Life(hub: Hub(key: key, store: store))
    }

    /// Ends it without a word.
    mutating func end(_ crash: SimulatedFile.Crash, _ chance: inout Chance) {
        auditedCount = audit.survive(crash, &chance)
        life = nil
    }

    /// Gives what has gathered to the store, unless it is at work. Returns whether a transaction has begun.
    mutating func beginTransaction(at now: Clocks) -> Bool {
        guard var life = life.take() else { return false }
        defer { self.life = life }
        guard life.outcome == nil, !life.batch.isEmpty else { return false }
        let batch = life.batch
        life.batch = []
        var actions: [HubAction] = []
        let before = life.hub
        for input in batch {
            // The store never throws here; a transaction fails as a whole when it ends.
            switch input {
            case .request(let id, let document, let node):
                actions += (try? life.hub.receive(document, id: id, from: node, at: now)) ?? []
            case .watchOpened(let node): actions += (try? life.hub.watchOpened(by: node, at: now.wall)) ?? []
            case .watchClosed(let node): actions += life.hub.watchClosed(by: node)
            }
        }
        life.outcome = Outcome(actions: actions, batch: batch, before: before)
        return true
    }

    /// The transaction is over. Returns what is to be done, and the nodes whose event streams are to end.
    ///
    /// A failed one changes nothing, in the store and in memory: requests are answered `unavailable`, event streams
    /// that it opened end, so that their nodes open them again, and those that ended are told of once more.
    mutating func endTransaction() -> (actions: [HubAction], unopened: [NodeKey]) {
        guard let outcome = life?.outcome else { return ([], []) }
        life?.outcome = nil
        guard isDiskFailing else {
            store.commit()
            for case .answer(let id, let answer) in outcome.actions where answer["ok"] == true { promise(id) }
            return (outcome.actions, [])
        }
        store.rollBack()
        life?.hub = outcome.before
        var answers: [HubAction] = []
        var unopened: [NodeKey] = []
        var closed: [Input] = []
        for input in outcome.batch {
            switch input {
            case .request(let id, _, _): answers.append(.answer(id, HubAnswer.unavailable))
            case .watchOpened(let node): unopened.append(node)
            case .watchClosed: closed.append(input)
            }
        }
        life?.batch.insert(contentsOf: closed, at: 0)
        return (answers, unopened)
    }

    /// Notes what the answer to `id` promises.
    private mutating func promise(_ id: HubRequestID) {
        guard let asked = life?.requests[id] else { return }
        switch asked.request {
        case .deposit(let target, let sealed):
            let mail = RecordID(ofBytes: sealed)
            // A full mailbox drops mail without a word.
            if store.mail(for: target).contains(where: { $0.id == mail }) { taken[target, default: []].insert(mail) }
        case .revoke(let revocation):
            let pair = ProgramRevocation(giver: revocation.giver, subject: revocation.subject)
            revoked[pair] = max(revoked[pair] ?? revocation.issued, revocation.issued)
        case .acknowledge, .register, .deregister, .resolve, .release, nil: break
        }
    }

    /// A node fetched mail: from here on it may be gone.
    mutating func fetched(_ ids: [RecordID], by node: NodeKey) { taken[node]?.subtract(ids) }
}
