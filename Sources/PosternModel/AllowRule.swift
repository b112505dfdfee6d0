/// One entry of an `allow` list: who may use an exposed service.
package enum AllowRule: Hashable, Sendable {
    /// Every peer with which a trust stands.
    case trusted
    /// One peer.
    case peer(PeerName)

    /// The rule that is written as `text`, or nil when it is none.
    package init?(_ text: some StringProtocol) {
        if text == "trusted" {
            self = .trusted
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
        }
    }
}
