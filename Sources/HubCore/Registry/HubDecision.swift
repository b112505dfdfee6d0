import HubProtocol
import PosternModel
import TrustCore

/// What a hub decided about one input. It depends on the input, the facts and the hub's state alone, so it may be made
/// again when a transaction could not be committed.
package struct HubDecision: Hashable, Sendable {
    /// What to write before anything else happens.
    package var writes: [HubWrite] = []
    /// Rates that it counts against, and when.
    var spent: [RateSubject] = []
    var spentAt = Instant(nanoseconds: 0)
    /// What strangers' mail takes of its pool, where the decision depended on it.
    var strangerCost: Int?
    /// What the node has shown of its key, which is that of its session.
    var keys: NodeChain?
    /// What changes in memory once the writes are durable.
    var change: PresenceChange?
    /// What is done after that.
    var actions: [HubAction] = []

    /// A decision that only answers.
    static func answer(_ id: HubRequestID, _ answer: HubAnswer) -> HubDecision {
        HubDecision(actions: [.answer(id, answer)])
    }
}
