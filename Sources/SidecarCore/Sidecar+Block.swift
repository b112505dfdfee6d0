import PosternModel
import TrustCore

// Shutting peers out, which is local and beats every basis of access (RULES X), and saying why somebody gets in or not.
extension Sidecar {
    /// Shuts `name` out: its streams and session end at once, and nothing that it asks is heard. No trust ends by that:
    /// it stands again when the peer is let in again.
    mutating func block(_ name: PeerName, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let peer = try anyKey(named: name)
        let answer = BlockPeer.Answer(did: peer, name: self.name(of: peer), claims: claims(of: peer), blocked: true)
        guard !book.blocked.contains(peer) else { return [.answer(id, answer)] }
        guard book.blocked.count < settings.blockCount else { throw .overLimit("peers that are shut out") }
        var facts: [TrustFact] = [.blocked(peer)]
        for (pending, entry) in book.pending where entry.request.asker == peer {
            facts.append(.decided(pending, until: entry.request.expires))
        }
        let event = AuditEvent(.blocked, actor: key, subject: peer.did)
        return [record(facts), .audit(event)] + reconcile(peer, at: now) + [.answer(id, answer)]
    }

    /// Takes that back.
    mutating func unblock(_ name: PeerName, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let peer = try anyKey(named: name)
        let answer = BlockPeer.Answer(did: peer, name: self.name(of: peer), claims: claims(of: peer), blocked: false)
        guard book.blocked.contains(peer) else { return [.answer(id, answer)] }
        let event = AuditEvent(.unblocked, actor: key, subject: peer.did)
        return [record([.unblocked(peer)]), .audit(event)] + reconcile(peer, at: now) + [.answer(id, answer)]
    }

    /// Which rule lets `peer` use `target` of ours, or keeps it out.
    func explainAccess(of peer: NodeKey, to target: ServiceTarget, at now: Clocks) -> ExplainAccess.Answer {
        let exposed = policy.rule(for: target)
        let subject = subject(peer, at: now)
        // A name that nothing has is decided like a port that nothing listens on.
        let access = exposed.map { policy.decide(subject, $0.service.port) } ?? .refused(.noSuchService)
        let (reason, text, hint): (String, String, String?)
        switch access {
        case .admitted(_, .grant):
            let rule = exposed.flatMap { policy.rule(of: $0, admitting: subject, on: .grant) }
            reason = "grant"
            text =
                "both sides' grants stand, ours names the service, and the rule \"\(rule.map(\.description) ?? "")\" "
                + "of its `allow` admits the peer"
            hint = nil
        case .admitted(_, .network(let network)):
            let rule = exposed.flatMap { policy.rule(of: $0, admitting: subject, on: .network(network)) }
            let head = book.networks.network(named: network)?.log?.state.head
            reason = "network"
            text =
                "both are members of \(network) at its entry \(head?.sequence ?? 0)"
                + "\(certificate(of: peer, in: network)), its policy permits the service, "
                + "and the rule \"\(rule.map(\.description) ?? "")\" of the service's `allow` admits the peer"
            hint = nil
        case .refused(let refusal):
            reason = refusal.rawValue
            (text, hint) = explanation(of: refusal, subject, target, exposed, at: now)
        }
        return ExplainAccess.Answer(
            did: peer,
            name: name(of: peer),
            claims: claims(of: peer),
            service: exposed?.service.name,
            port: exposed?.service.port,
            admitted: access.isAdmitted,
            reason: reason,
            explanation: text,
            hint: hint
        )
    }

    /// What makes `peer` a member, where the log does not.
    private func certificate(of peer: NodeKey, in network: String) -> String {
        guard let network = book.networks.network(named: network), network.certified.contains(peer),
            let credential = network.credentials[peer]
        else { return "" }
        return ", the peer by a certificate of \(credential.authority.did) until \(credential.until)"
    }

    private func explanation(
        of refusal: Access.Refusal,
        _ subject: AccessPolicy.Subject,
        _ target: ServiceTarget,
        _ exposed: ExposedRule?,
        at now: Clocks
    ) -> (text: String, hint: String?) {
        switch refusal {
        case .blocked:
            return ("the peer is shut out here", hint(for: subject.key, at: now))
        case .noSuchService:
            return ("nothing is exposed as \(target)", "see `expose` in postern.yaml, and `postern status`")
        case .outdated:
            return ("this state directory is older than the node: whom it trusts is not known", Problem.outdated.hint)
        case .notTrusted:
            return ("the grants of both sides do not stand", hint(for: subject.key, at: now))
        case .notGranted:
            let granted = book.relationships[subject.key]?.given.services ?? .names([])
            let hint =
                "give it more by an invitation: `postern invite --for \(exposed?.service.name.description ?? "")`"
            return ("our grant to the peer names only \(granted.json.compactText)", hint)
        case .notPermitted:
            let names = subject.memberships.map(\.network).joined(separator: ", ")
            return (
                "the policy of \(names) does not permit the peer's groups the service", "see `postern network show`"
            )
        case .stale:
            let names = subject.memberships.filter(\.isStale).map(\.network).joined(separator: ", ")
            return (
                "no owner or administrator of \(names) was heard of for longer than the network allows",
                "a running sidecar of an owner or administrator ends that: see `postern network show`"
            )
        case .policyUnknown:
            return ("the network's policy has a part that this version does not know", "install a newer version")
        case .notAllowed:
            let rules = exposed?.allow.map(\.description).joined(separator: ", ") ?? ""
            return ("no rule of the service's `allow` admits the peer: [\(rules)]", allowHint(subject, exposed))
        }
    }

    /// What helps a peer that no `allow` rule admits: a rule may mean a name that the peer merely claims.
    private func allowHint(_ subject: AccessPolicy.Subject, _ exposed: ExposedRule?) -> String {
        let claimed = subject.name == nil ? claims(of: subject.key).flatMap { HostName.label(from: $0) } : nil
        let isClaimed = exposed?.allow.contains { rule in
            if case .peer(let peer) = rule, case .name(let name) = peer.meaning { name == claimed } else { false }
        }
        guard isClaimed == true, let claimed else {
            return allowHint(for: subject, exposed)
        }
        return "it claims to be \(claimed), which proves nothing: "
            + "if you know that it is, `postern name \(subject.key.did) \(claimed)`"
    }

    /// The rules that would admit the peer: `trusted` never means members, and `network:` never means who is trusted.
    private func allowHint(for subject: AccessPolicy.Subject, _ exposed: ExposedRule?) -> String {
        let networks = subject.memberships.map(\.network)
        let rules = (subject.standing.isMutual ? ["`trusted`"] : []) + networks.map { "`network:\($0)`" }
        let others = rules.isEmpty ? "" : ", or \(rules.joined(separator: " or ")),"
        let group = exposed?.allow.lazy.compactMap { rule -> String? in
            guard case .group(let group, let network) = rule, networks.contains(network) else { return nil }
            return "`postern network group \(network) \(group) \(subject.key.did)` puts it into that group; or "
        }.first
        return (group ?? "") + "add the peer\(others) to `allow` of the service in postern.yaml"
    }
}
