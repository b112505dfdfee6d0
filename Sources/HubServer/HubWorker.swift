import Dispatch
import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel

/// Something that reached the hub; of a request the document, in which nothing is verified.
enum HubArrival: Sendable {
    case request(HubRequestID, JSONValue?, from: NodeKey, in: SourceNetwork, at: Clocks)
    case input(HubInput)
}

/// The hub's core and its store, on a queue of their own: the event loop neither waits for a disk nor verifies the
/// signatures in requests.
final class HubWorker: @unchecked Sendable {
    // Unchecked: `hub` and `store` are confined to `queue`, which runs one batch after another.
    private var hub: Hub
    private var store: any HubStore
    private let queue = DispatchQueue(label: "postern hub")

    init(identity: NodeIdentity, settings: HubSettings, store: any HubStore) {
        hub = Hub(identity: identity, settings: settings)
        self.store = store
    }

    /// What became of one batch.
    struct Outcome: Sendable {
        let actions: [HubAction]
        /// Why the store could not take it.
        let failure: String?
    }

    /// Takes a batch in one transaction of the store, and calls `completion`, on the worker's queue, with what is to be
    /// done now that it is durable.
    func take(_ batch: [HubArrival], completion: @escaping @Sendable (Outcome) -> Void) {
        queue.async { completion(self.process(batch)) }
    }

    private func process(_ batch: [HubArrival]) -> Outcome {
        var inputs: [HubInput] = []
        var refusals: [HubAction] = []
        for arrival in batch {
            switch arrival {
            case .input(let input): inputs.append(input)
            case .request(let id, let document, let node, let network, let now):
                let admitted = hub.admit(from: node, in: network, at: now) { () throws(HubRefusal) in
                    try HubRequest(received: document)
                }
                switch admitted {
                case .success(let request): inputs.append(.request(request, id: id, from: node, in: network, at: now))
                case .failure(let refusal): refusals.append(.answer(id, .refused(refusal)))
                }
            }
        }
        let (actions, failure) = hub.process(inputs, in: &store)
        return Outcome(actions: refusals + actions, failure: failure.map { "\($0)" })
    }
}
