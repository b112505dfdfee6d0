/// One entry of an `allow` list: who may use an exposed service.
package enum AllowRule: Hashable, Sendable {
    /// Every peer with which a trust stands.
    case trusted
    /// One peer.
    case peer(PeerName)
    /// Every member of the network that is called so here.
    case network(String)
    /// Every member of a group of the network that is called so here.
    case group(String, network: String)

    private static let networkPrefix = "network:"
    private static let groupPrefix = "group:"

    /// The rule that is written as `text`, or nil when it is none.
    package init?(_ text: some StringProtocol) {
        if text == "trusted" {
            self = .trusted
        } else if text.hasPrefix(Self.networkPrefix) {
            let name = text.dropFirst(Self.networkPrefix.count)
            guard HostName.isLowercaseLabel(name) else { return nil }
            self = .network(String(name))
        } else if text.hasPrefix(Self.groupPrefix) {
            let parts = text.dropFirst(Self.groupPrefix.count).split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ HostName.isLowercaseLabel($0) }) else { return nil }
            self = .group(String(parts[1]), network: String(parts[0]))
        } else {
            guard let peer = PeerName(text) else { return nil }
            self = .peer(peer)
        }
    }
}

extension AllowRule: CustomStringConvertible {
    package var description: String {
        switch self {
        case .trusted: "trusted"
        case .peer(let peer): peer.description
        case .network(let name): Self.networkPrefix + name
        case .group(let group, let network): "\(Self.groupPrefix)\(network)/\(group)"
        }
    }
}
