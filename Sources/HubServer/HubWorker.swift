import Dispatch
import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel

/// Something that reached the hub; of a request the document, in which nothing is verified.
enum HubArrival: Sendable {
    case request(HubRequestID, JSONValue?, from: NodeKey, in: SourceNetwork, at: Clocks)
    case input(HubInput)
    /// The hubs that share the store are these now.
    case cluster(HubCluster)
    /// The operator has decided whom the hub serves.
    case admission(HubAdmission)
    /// The operator has decided what nodes and networks may take.
    case settings(HubSettings)
}

/// The hub's core and its store, on a queue of their own: the event loop neither waits for a disk nor verifies the
/// signatures in requests.
final class HubWorker: @unchecked Sendable {
    // Unchecked: `hub`, `grants` and `store` are confined to `queue`, which runs one batch after another.
    private var hub: Hub
    private var grants: VerifiedGrants
    private var store: any HubStore
    private let queue = DispatchQueue(label: "postern hub")

    init(identity: NodeIdentity, tags: HubTags? = nil, settings: HubSettings, store: any HubStore) {
        grants = VerifiedGrants(limit: settings.grantCount)
        hub = Hub(identity: identity, tags: tags, settings: settings)
        self.store = store
    }

    /// What became of one batch.
    struct Outcome: Sendable {
        let actions: [HubAction]
        /// Why the store could not take it.
        let failure: String?
        /// What other hubs told and could not be taken: it has to come again.
        var untaken: [HubNotice] = []
    }

    /// What the operator sees.
    struct Look: Sendable {
        let present: Int
        let bridges: Int
        /// What the store says; nil: it cannot be asked, and why.
        var facts: HubFacts?
        var failure: String?
    }

    /// Looks at the registry, and at `limit` of the registrations; calls `completion` on the worker's queue.
    func look(at limit: Int, completion: @escaping @Sendable (Look) -> Void) {
        queue.async { completion(self.look(at: limit)) }
    }

    private func look(at limit: Int) -> Look {
        var reads = HubReads()
        reads.unseen = HubReads.Unseen(since: Timestamp(nanoseconds: .max), limit: limit)
        var look = Look(present: hub.load.present, bridges: hub.load.bridges)
        do {
            try store.transaction(reads) { facts in
                look.facts = facts
                return []
            }
        } catch {
            look.facts = nil
            look.failure = "\(error)"
        }
        return look
    }

    /// Takes a batch in one transaction of the store, and calls `completion`, on the worker's queue, with what is to be
    /// done now that it is durable.
    func take(_ batch: [HubArrival], completion: @escaping @Sendable (Outcome) -> Void) {
        queue.async { completion(self.process(batch)) }
    }

    private func process(_ batch: [HubArrival]) -> Outcome {
        var inputs: [HubInput] = []
        var others: [HubAction] = []
        for arrival in batch {
            switch arrival {
            case .input(let input): inputs.append(input)
            case .cluster(let cluster): others += hub.join(cluster)
            case .admission(let admission): others += hub.admit(by: admission)
            case .settings(let settings): hub.limit(by: settings)
            case .request(let id, let document, let node, let network, let now):
                let admitted = hub.admit(from: node, in: network, at: now) { () throws(HubRefusal) in
                    try HubRequest(received: document, &grants)
                }
                switch admitted {
                case .success(let request): inputs.append(.request(request, id: id, from: node, in: network, at: now))
                case .failure(let refusal): others.append(.answer(id, .refused(refusal)))
                }
            }
        }
        let (actions, failure) = hub.process(inputs, in: &store)
        var outcome = Outcome(actions: others + actions, failure: failure.map { "\($0)" })
        if failure != nil {
            for case .told(let notice) in inputs { outcome.untaken.append(notice) }
        }
        return outcome
    }
}
