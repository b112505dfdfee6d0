/// What a hub keeps beyond its own life. ``HubReads``, ``HubFacts`` and ``HubWrite`` say what a store has to do, and
/// `HubStoreConformanceTests` shows whether it does.
package protocol HubStore: Sendable {
    /// One transaction: fetches what `reads` names, gives it to `decide`, and makes the writes that it returns durable,
    /// in their order. When this throws, nothing in the store has changed.
    ///
    /// `decide` has no effects. A store that several hubs share calls it again, over what it finds then, when another
    /// transaction changed what was read; only the writes of the last call count.
    mutating func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws
}

extension Hub {
    /// Takes a batch of inputs through `store` in one transaction. Blocks as long as the store does.
    ///
    /// When the store fails, nothing of the batch has happened: requests are answered ``HubRefusal/unavailable``,
    /// and the error is reported beside the actions.
    package mutating func process(
        _ inputs: [HubInput],
        in store: inout some HubStore
    ) -> (actions: [HubAction], failure: (any Error)?) {
        var decisions: [HubDecision] = []
        do {
            try store.transaction(reads(for: inputs)) { facts in
                decisions = decide(inputs, over: facts)
                return decisions.flatMap(\.writes)
            }
        } catch {
            return (failed(inputs), error)
        }
        return (committed(decisions), nil)
    }
}
