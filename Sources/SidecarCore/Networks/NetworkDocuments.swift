import OverlayCrypto
package import PosternModel
package import TrustCore

/// A network, as `network show` tells it.
package struct NetworkDocument: Codable, Hashable, Sendable {
    /// One member.
    package struct Member: Codable, Hashable, Sendable {
        package let did: NodeKey
        /// Its label in the network; nil: it has none.
        package let name: String?
        package let role: String
        package let groups: [String]
        /// The personal one.
        package let address: OverlayAddress
        /// Those in the network: the canonical one, and one for each group.
        package let addresses: [OverlayAddress]
        /// Whose certificate makes it a member; nil: the log does.
        package let authority: NodeKey?
        /// When the membership ends by itself; nil: it does not.
        package let expires: Timestamp?
    }

    /// One group.
    package struct Group: Codable, Hashable, Sendable {
        package let name: String
        /// In the addresses of its members.
        package let number: Int
    }

    /// A key that makes members by certificate.
    package struct Authority: Codable, Hashable, Sendable {
        package let did: NodeKey
        /// The groups into which it may put them.
        package let groups: [String]
        /// How long a certificate of it lasts at most.
        package let lifetimeMs: Int64
    }

    /// What it is called here.
    package let name: String
    package let id: String
    /// The hash of the latest entry; nil: nothing of the log is known yet.
    package let head: String?
    package let sequence: Int64?
    /// This node's; nil: it is no member, or not yet.
    package let role: String?
    /// Whether an owner or administrator has said within the network's `freshness` how far its log has come, and
    /// nothing contradicts it.
    package let fresh: Bool
    /// What is wrong with what is known of it; nil: it is fresh.
    package let problem: String?
    /// When an owner or administrator was last heard of.
    package let heard: Timestamp?
    /// Whether two histories of it are known: only what both say counts.
    package let forked: Bool
    package let hubs: [HubURL]
    package let members: [Member]
    package let groups: [Group]
    package let authorities: [Authority]
    package let policy: JSONValue
    /// How many milliseconds old the word of owners and administrators may be: `warn`, and `refuse`, null for never.
    package let freshness: JSONValue
}

/// A network, as `network list` tells it.
package struct NetworkSummary: Codable, Hashable, Sendable {
    /// What it is called here; of an offer, what its giver calls it.
    package let name: String
    package let id: String
    package let role: String?
    package let members: Int
    package let fresh: Bool
    package let forked: Bool
    /// What is wrong with what is known of it; nil: it is fresh, or was not joined.
    package let problem: String?
    /// Who has made us a member, where the operator has not joined; nil: there is nothing to join.
    package let offeredBy: NodeKey?
}

extension Sidecar {
    /// `network list`.
    func networkSummaries(at now: Timestamp) -> [NetworkSummary] {
        let offers = book.networks.notices.values.sorted { ($0.name, $0.network) < ($1.name, $1.network) }
        return book.networks.sorted.map { networkSummary(of: $0, at: now) }
            + offers.map { notice in
                NetworkSummary(
                    name: notice.name,
                    id: notice.network.description,
                    role: nil,
                    members: 0,
                    fresh: false,
                    forked: false,
                    problem: nil,
                    offeredBy: notice.giver
                )
            }
    }

    func networkDocument(of network: Memberships.Membership, at now: Timestamp) -> NetworkDocument {
        let state = network.log?.state
        let listed = (state?.members ?? [:]).filter { network.isListed($0.key) }.map { key, member in
            network.document(of: key, as: member.role, by: nil, until: member.expires)
        }
        let certified = network.certified.compactMap { network.credentials[$0] }.map { credential in
            network.document(of: credential.subject, as: .member, by: credential.authority, until: credential.until)
        }
        let members = listed + certified
        return NetworkDocument(
            name: network.name,
            id: network.id.description,
            head: state?.head.hash.description,
            sequence: state?.head.sequence,
            role: network.role(of: key)?.rawValue,
            fresh: trouble(with: network, at: now) == nil,
            problem: trouble(with: network, at: now),
            heard: lastWord(of: network, at: now),
            forked: network.log?.isForked ?? false,
            hubs: network.hubs,
            members: members.sorted { ($0.name ?? "~", $0.did) < ($1.name ?? "~", $1.did) },
            groups: (network.content?.groups ?? [:]).sorted { $0.value.number < $1.value.number }.map {
                NetworkDocument.Group(name: $0.key, number: Int($0.value.number))
            },
            authorities: network.authorityDocuments,
            policy: network.content?.policies.last?.document ?? .null,
            freshness: (network.content?.freshness ?? .defaults).document
        )
    }

    private func networkSummary(of network: Memberships.Membership, at now: Timestamp) -> NetworkSummary {
        NetworkSummary(
            name: network.name,
            id: network.id.description,
            role: network.role(of: key)?.rawValue,
            members: network.members.count,
            fresh: trouble(with: network, at: now) == nil,
            forked: network.log?.isForked ?? false,
            problem: trouble(with: network, at: now),
            offeredBy: nil
        )
    }
}

extension Memberships.Membership {
    /// The role of `key`: whoever takes part by certificate is a member, and whose membership has ended has none.
    func role(of key: NodeKey) -> NetworkRole? {
        isListed(key) ? log?.state.role(of: key) : certified.contains(key) ? .member : nil
    }

    fileprivate func document(
        of key: NodeKey,
        as role: NetworkRole,
        by authority: NodeKey?,
        until end: Timestamp?
    ) -> NetworkDocument.Member {
        NetworkDocument.Member(
            did: key,
            name: content?.name(of: key),
            role: role.rawValue,
            groups: groups(of: key).sorted(),
            address: key.personalAddress,
            addresses: addresses(of: key),
            authority: authority,
            expires: end
        )
    }

    var authorityDocuments: [NetworkDocument.Authority] {
        (log?.state.authorities ?? [:]).sorted { $0.key < $1.key }.map { key, authority in
            NetworkDocument.Authority(
                did: key,
                groups: content?.authorities[key]?.sorted() ?? [],
                lifetimeMs: authority.lifetime
            )
        }
    }
}

extension NetworkInvitation: TextRepresentable {
    package static var textMeaning: String { "a link as `postern network invite` prints it" }
    // A link into a network with a hash of zeros; it expired in 1970.
    package static var textExample: String { example.token }

    package init(text: String) throws(Problem) {
        guard let invitation = NetworkInvitation(within: text) else {
            throw .badNetworkLink("it is no link into a network, or it is damaged")
        }
        self = invitation
    }

    package var description: String { token }

    private static var example: NetworkInvitation {
        guard let hash = NetworkHash(bytes: Array(repeating: 0, count: 32)) else {
            preconditionFailure("a hash has 32 bytes")
        }
        return NetworkInvitation(
            network: NetworkID(hash),
            name: "acme",
            hubs: [],
            head: NetworkHead(sequence: 0, hash: hash),
            expires: Timestamp(seconds: 0),
            seed: Array(repeating: 0, count: 32)
        )
    }
}
