package import HubProtocol
package import PosternModel

/// Registry, rendezvous and relay permissions: what a hub decides, without any input or output.
///
/// An input is taken in three steps (RULES N16). ``reads(for:)`` names the rows of the store that it depends on.
/// ``decide(_:over:)`` says what to write, given these rows; it has no effect and may be repeated. ``committed(_:)``,
/// called once the writes are durable, changes what is in memory and returns what to do. ``process(_:in:)`` takes all
/// three.
///
/// In the store (`Registry/`): who is registered, what waits in mailboxes, which grants are revoked. In memory
/// (`Presence/`, `Relay/`): who is present, who waits for whom, which channels are open. The hub learns neither
/// addresses nor contents, and nobody can enumerate it: a look-up needs the target's signed grant, and without one the
/// answer is that for a node that does not exist.
package struct Hub: Sendable {
    let settings: HubSettings
    var presence: Presence
    var relays = RelayTable()

    /// A hub that nobody is connected to.
    package init(settings: HubSettings = .defaults) {
        self.settings = settings
        presence = Presence(settings: settings)
    }

    /// Takes a request of `node` against the node's rates. It is read only when they allow one, since a signature in it
    /// costs far more to verify than a request costs to refuse.
    package mutating func admit(
        from node: NodeKey,
        at now: Instant,
        _ read: () throws(HubRefusal) -> HubRequest
    ) -> Result<HubRequest, HubRefusal> {
        guard presence.admitsRequest(from: node, at: now) else { return .failure(.overLimit) }
        let request: HubRequest
        do {
            request = try read()
        } catch {
            return .failure(error)
        }
        switch request {
        case .deposit:
            return presence.admitsDeposit(from: node, at: now) ? .success(request) : .failure(.overLimit)
        case .register, .deregister, .acknowledge, .resolve, .release, .revoke:
            return .success(request)
        }
    }

    /// What the store has to be asked before ``decide(_:over:)``.
    package func reads(for inputs: [HubInput]) -> HubReads {
        var reads = HubReads()
        for input in inputs { add(to: &reads, for: input) }
        return reads
    }

    /// Decides about inputs in their order, each over `facts` and what those before it write.
    package func decide(_ inputs: [HubInput], over facts: HubFacts) -> [HubDecision] {
        var facts = facts
        return inputs.map { input in
            let decision = decide(input, over: facts)
            facts.apply(decision.writes)
            return decision
        }
    }

    /// The writes of `decisions` are durable: they take effect.
    package mutating func committed(_ decisions: [HubDecision]) -> [HubAction] {
        decisions.flatMap { decision in
            (decision.change.map { apply($0) } ?? []) + decision.actions
        }
    }

    /// The store could not take `inputs`: nothing was decided about them. Who left has left all the same.
    package mutating func failed(_ inputs: [HubInput]) -> [HubAction] {
        inputs.flatMap { input -> [HubAction] in
            switch input {
            case .request(_, let id, _, _): [.answer(id, .refused(.unavailable))]
            case .watchOpened(let node, _): apply(.leave(node)) + [.endWatch(node)]
            case .watchClosed(let node): apply(.leave(node))
            case .tidy: []
            }
        }
    }
}
