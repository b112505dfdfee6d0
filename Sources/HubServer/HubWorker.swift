import HubCore
import HubProtocol
import OverlayCore
import PosternModel

/// Something that happened to the hub.
enum HubInput: Sendable {
    case request(HubRequestID, JSONValue, from: NodeKey, at: Clocks)
    case watchOpened(NodeKey, at: Timestamp)
    case watchClosed(NodeKey)
    case tidy(at: Timestamp)
}

/// The hub's mind and its store, on the store's queue: nothing here may wait for a disk on the event loop.
final class HubWorker: @unchecked Sendable {
    // Unchecked: `hub` is touched only in transactions of `store`, which run one after another.
    private var hub: Hub<SQLiteHubStore>
    private let store: SQLiteHubStore

    init(hub: Hub<SQLiteHubStore>, store: SQLiteHubStore) {
        self.hub = hub
        self.store = store
    }

    /// What became of one batch.
    struct Outcome: Sendable {
        let actions: [HubAction]
        let watcherCount: Int
        let bridgeCount: Int
        /// Why the store could not take it.
        var failure: String?
    }

    /// Takes a batch in one transaction, and tells `completion`, on the store's queue, what is to be done once it is
    /// durable.
    ///
    /// When the store fails, every request of the batch is answered `unavailable` and nothing is written into the audit
    /// trail. What the batch decided about presence and relaying stands all the same: it is in memory only.
    func take(_ batch: [HubInput], completion: @escaping @Sendable (Outcome) -> Void) {
        store.transaction {
            var actions: [HubAction] = []
            for input in batch { actions += try self.process(input) }
            return actions
        } completion: { result in
            switch result {
            case .success(let actions): completion(self.outcome(actions))
            case .failure(let error):
                let answers = batch.compactMap { input -> HubAction? in
                    guard case .request(let id, _, _, _) = input else { return nil }
                    return .answer(id, HubAnswer.unavailable)
                }
                var outcome = self.outcome(answers)
                outcome.failure = "\(error)"
                completion(outcome)
            }
        }
    }

    private func process(_ input: HubInput) throws -> [HubAction] {
        switch input {
        case .request(let id, let document, let node, let now):
            return try hub.receive(document, id: id, from: node, at: now)
        case .watchOpened(let node, let now):
            return try hub.watchOpened(by: node, at: now)
        case .watchClosed(let node):
            return hub.watchClosed(by: node)
        case .tidy(let now):
            try hub.tidy(at: now)
            return []
        }
    }

    private func outcome(_ actions: [HubAction]) -> Outcome {
        Outcome(actions: actions, watcherCount: hub.watcherCount, bridgeCount: hub.bridgeCount)
    }
}
