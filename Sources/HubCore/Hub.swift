package import HubProtocol
package import OverlayCrypto
package import PosternModel
import TrustCore

/// Registry, rendezvous and relay permissions: what a hub decides, without any input or output.
///
/// An input is taken in three steps (RULES N16). ``reads(for:)`` names the rows of the store that it depends on.
/// ``decide(_:over:)`` says what to write, given these rows; it has no effect and may be repeated. ``committed(_:)``,
/// called once the writes are durable, changes what is in memory and returns what to do. ``process(_:in:)`` takes all
/// three.
///
/// In the store (`Registry/`): who is registered, what waits in mailboxes, which grants are revoked. In memory
/// (`Presence/`, `Relay/`): who is present, who waits for whom, which channels are open, who is how busy. The hub keeps
/// neither addresses nor contents, and nobody can enumerate it: a look-up needs the target's signed grant, and without
/// one the answer is that for a node that does not exist.
package struct Hub: Sendable {
    let identity: NodeIdentity
    var key: NodeKey { identity.key }
    private(set) var settings: HubSettings
    let tags: HubTags
    var presence = Presence()
    var rates: RateBook
    var refusals = RefusalCount()
    var relays = RelayTable()
    /// The other hubs that share the store and serve.
    var cluster = HubCluster()
    /// Whom the operator wants here.
    var admission = HubAdmission()

    /// The hub with `identity`, which nobody is connected to. `tags` are given where it shares its store.
    package init(identity: NodeIdentity, tags: HubTags? = nil, settings: HubSettings = .defaults) {
        self.identity = identity
        self.settings = settings
        self.tags = tags ?? HubTags(of: identity)
        rates = RateBook(settings: settings)
    }

    /// What nodes and networks may take is this from now on; what they have taken counts.
    package mutating func limit(by settings: HubSettings) {
        self.settings = settings
        rates.settings = settings
    }

    /// Takes a request of `node`, whose packets come from `network`, against the rates of both. It is read only when
    /// they allow one, since a signature in it costs far more to verify than a request costs to refuse.
    package mutating func admit(
        from node: NodeKey,
        in network: SourceNetwork = .unknown,
        at now: Clocks,
        _ read: () throws(HubRefusal) -> HubRequest
    ) -> Result<HubRequest, HubRefusal> {
        let name = presence.names.name(of: node)
        guard !admission.banned.contains(name ?? node) else { return .failure(.closed) }
        guard rates.take(.requests(of: node), at: now.instant), rates.take(.requestsFrom(network), at: now.instant)
        else { return .failure(.overLimit) }
        guard let name else { return .failure(.superseded) }
        do throws(HubRefusal) {
            let request = try read()
            if let keys = request.keys {
                guard keys.current == node else { throw .superseded }
                guard !admission.banned.contains(keys.first) else { throw .closed }
            }
            if case .deposit(let target, let sealed, let evidence) = request {
                try admit(evidence, sealed, for: target, from: name, in: network, at: now)
            }
            return .success(request)
        } catch {
            return .failure(error)
        }
    }

    /// What the store has to be asked before ``decide(_:over:)``.
    package func reads(for inputs: [HubInput]) -> HubReads {
        var reads = HubReads()
        for input in inputs.compactMap({ named($0) }) { add(to: &reads, for: input) }
        return reads
    }

    /// Decides about inputs in their order, each over `facts` and what those before it write.
    package func decide(_ inputs: [HubInput], over facts: HubFacts) -> [HubDecision] {
        var facts = facts
        var spent: [RateSubject: Int] = [:]
        return inputs.map { input in
            let decision = named(input).map { decide($0, over: facts, spent: spent) } ?? refuseUnnamed(input)
            facts.apply(decision.writes)
            for subject in decision.spent { spent[subject, default: 0] += 1 }
            return decision
        }
    }

    /// The writes of `decisions` are durable: they take effect.
    package mutating func committed(_ decisions: [HubDecision]) -> [HubAction] {
        decisions.flatMap { decision in
            for subject in decision.spent { _ = rates.take(subject, at: decision.spentAt) }
            presence.strangerCost = decision.strangerCost ?? presence.strangerCost
            let noted = decision.keys.map { note($0) } ?? []
            let actions = (decision.change.map { apply($0) } ?? []) + decision.actions
            return noted + actions.map { addressed($0) }
        }
    }

    /// The store could not take `inputs`: nothing was decided about them. Who left has left all the same.
    package mutating func failed(_ inputs: [HubInput]) -> [HubAction] {
        inputs.flatMap { input -> [HubAction] in
            switch input {
            case .request(_, let id, _, _, _): [.answer(id, .refused(.unavailable))]
            case .watchOpened(let session, _): leave(session) + [.endWatch(session)]
            case .watchClosed(let session, _): leave(session)
            // Who hands these over does so again.
            case .told, .tidy: []
            }
        }
    }

    /// Whoever has a session with the key `session` is not present any more.
    private mutating func leave(_ session: NodeKey) -> [HubAction] {
        guard let node = presence.names.name(of: session) else { return [] }
        return apply(.leave(node)).map { addressed($0) }
    }
}
