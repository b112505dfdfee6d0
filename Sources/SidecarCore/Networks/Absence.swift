import PosternModel
import TrustCore

/// Why somebody is no member of a network.
enum Absence: Hashable, Sendable {
    /// It has not been one, as far as this node knows.
    case never
    /// It was removed, or has left.
    case former
    /// The membership, or the last certificate, has ended by itself.
    case over(Timestamp)
}

extension Memberships.Membership {
    /// Why `key` is no member; nil: it is one.
    func absence(of key: NodeKey) -> Absence? {
        guard !contains(key) else { return nil }
        guard let state = log?.state else { return .never }
        if state.former[key] != nil { return .former }
        if lapsed.contains(key), let end = state.members[key]?.expires { return .over(end) }
        // One that was voided stays until it would have ended.
        if let credential = certificate?.credential, credential.subject == key {
            return credentials[key] == nil ? .over(credential.until) : .former
        }
        return .never
    }

    /// The member, or former member, that is called `label` in the network.
    func holder(of label: String) -> NodeKey? { content?.names[label] }
}

extension Absence {
    /// What is to be said of this node and the network that it calls `network`.
    func ours(in network: String) -> String {
        switch self {
        case .never: "this sidecar is no member of \(network)"
        case .former: "this sidecar was removed from \(network)"
        case .over(let end): "our membership of \(network) ended at \(end)"
        }
    }

    /// What its operator does about that.
    func remedy(in network: String) -> String {
        switch self {
        case .never: "join it by an invitation: `postern network join LINK`"
        case .former, .over:
            "an owner or administrator makes a link with `postern network invite`, and `postern network join LINK` "
                + "brings this sidecar back; `postern network leave \(network)` forgets the network"
        }
    }
}

extension Sidecar {
    /// What keeps us from whoever is called `name` in a network: our membership, or its own, is over.
    func absence(named name: String) -> (why: String, hint: String)? {
        guard let dot = name.lastIndex(of: "."),
            let network = book.networks.network(named: String(name[name.index(after: dot)...]))
        else { return nil }
        let label = String(name[..<dot])
        if let ours = network.absence(of: key), ours != .never {
            return (ours.ours(in: network.name), ours.remedy(in: network.name))
        }
        guard let holder = network.holder(of: label), case .over(let end) = network.absence(of: holder) else {
            return nil
        }
        return (Problem.membershipOver(label, network.name, end)).explained
    }

    /// The same of `peer`, which is not named by a network: what was there between us, if that was a network alone.
    func absence(of peer: NodeKey) -> (why: String, hint: String)? {
        for network in book.networks.sorted {
            if network.contains(peer), let ours = network.absence(of: key), ours != .never {
                return (ours.ours(in: network.name), ours.remedy(in: network.name))
            }
            if network.contains(key), case .over(let end) = network.absence(of: peer) {
                let name = network.content?.name(of: peer) ?? peer.did
                return Problem.membershipOver(name, network.name, end).explained
            }
        }
        return nil
    }
}

extension Problem {
    /// Our own membership is none.
    static func notMember(_ network: String, _ absence: Absence = .never) -> Problem {
        Problem(code: "not-a-member", message: absence.ours(in: network), hint: absence.remedy(in: network))
    }

    static func membershipOver(_ name: String, _ network: String, _ end: Timestamp) -> Problem {
        Problem(
            code: "membership-over",
            message: "the membership of \(name) in \(network) ended at \(end)",
            hint: "`postern network add \(network) \(name) --expires TIME` renews it, and it joins anew by a link; "
                + "`postern network remove \(network) \(name)` takes it out of the list"
        )
    }

    fileprivate var explained: (why: String, hint: String) { (message, hint ?? "") }
}
