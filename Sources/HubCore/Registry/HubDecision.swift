import HubProtocol

/// What a hub decided about one input. It depends on the input, the facts and the hub's state alone, so it may be made
/// again when a transaction could not be committed.
package struct HubDecision: Hashable, Sendable {
    /// What to write before anything else happens.
    package var writes: [HubWrite] = []
    /// What changes in memory once the writes are durable.
    var change: PresenceChange?
    /// What is done after that.
    var actions: [HubAction] = []

    /// A decision that only answers.
    static func answer(_ id: HubRequestID, _ answer: HubAnswer) -> HubDecision {
        HubDecision(actions: [.answer(id, answer)])
    }
}
