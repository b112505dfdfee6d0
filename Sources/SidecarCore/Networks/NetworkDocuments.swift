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
        /// When the membership ends by itself; nil: it does not.
        package let expires: Timestamp?
    }

    /// One group.
    package struct Group: Codable, Hashable, Sendable {
        package let name: String
        /// In the addresses of its members.
        package let number: Int
    }

    /// What it is called here.
    package let name: String
    package let id: String
    /// The hash of the latest entry; nil: nothing of the log is known yet.
    package let head: String?
    package let sequence: Int64?
    /// This node's; nil: it is no member, or not yet.
    package let role: String?
    /// Whether a hub of the network has told all that it has, and nothing contradicts it.
    package let fresh: Bool
    /// Whether two histories of it are known: only what both say counts.
    package let forked: Bool
    package let hubs: [HubURL]
    package let members: [Member]
    package let groups: [Group]
    package let policy: JSONValue
}

/// A network, as `network list` tells it.
package struct NetworkSummary: Codable, Hashable, Sendable {
    package let name: String
    package let id: String
    package let role: String?
    package let members: Int
    package let fresh: Bool
    package let forked: Bool
}

extension Sidecar {
    func networkDocument(of network: Memberships.Membership) -> NetworkDocument {
        let state = network.log?.state
        let members = (state?.members ?? [:]).map { key, member in
            NetworkDocument.Member(
                did: key,
                name: network.content?.name(of: key),
                role: member.role.rawValue,
                groups: network.content?.groups(of: key).sorted() ?? [],
                address: key.personalAddress,
                addresses: network.addresses(of: key),
                expires: nil
            )
        }
        return NetworkDocument(
            name: network.name,
            id: network.id.description,
            head: state?.head.hash.description,
            sequence: state?.head.sequence,
            role: state?.role(of: key)?.rawValue,
            fresh: isFresh(network),
            forked: network.log?.isForked ?? false,
            hubs: network.hubs,
            members: members.sorted { ($0.name ?? "~", $0.did) < ($1.name ?? "~", $1.did) },
            groups: (network.content?.groups ?? [:]).sorted { $0.value.number < $1.value.number }.map {
                NetworkDocument.Group(name: $0.key, number: Int($0.value.number))
            },
            policy: network.content?.policies.last?.document ?? .null
        )
    }

    func networkSummary(of network: Memberships.Membership) -> NetworkSummary {
        NetworkSummary(
            name: network.name,
            id: network.id.description,
            role: network.log?.state.role(of: key)?.rawValue,
            members: network.log?.state.members.count ?? 0,
            fresh: isFresh(network),
            forked: network.log?.isForked ?? false
        )
    }

    private func isFresh(_ network: Memberships.Membership) -> Bool {
        guard let log = network.log, !log.isForked else { return false }
        return network.hubs.contains {
            networkLinks[network.id].synced.contains($0.key) && hubs[$0.key]?.isWatched == true
        }
    }
}

extension NetworkInvitation: TextRepresentable {
    package static var textMeaning: String { "a link as `postern network invite` prints it" }
    // A link into a network with a hash of zeros; it expired in 1970.
    package static var textExample: String { example.token }

    package init(text: String) throws(Problem) {
        guard let invitation = NetworkInvitation(within: text) else {
            throw .badInvitation("it is no link into a network, or it is damaged")
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
