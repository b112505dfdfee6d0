package import HubProtocol
package import PosternModel

/// One request, as the shell counts them.
package struct HubRequestID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Something that happened to a hub. The session has proved the node's key.
package enum HubInput: Hashable, Sendable {
    /// A node asks, in a session whose packets come from a network; ``Hub/admit(from:in:at:_:)`` let the request
    /// through.
    case request(HubRequest, id: HubRequestID, from: NodeKey, in: SourceNetwork = .unknown, at: Clocks)
    /// A node opened its event stream. One that it had before is over.
    case watchOpened(by: NodeKey, at: Timestamp)
    /// The event stream of a node ended, or the session with it did.
    case watchClosed(by: NodeKey, at: Timestamp)
    /// Another hub that shares the store tells.
    case told(HubNotice)
    /// It is time to remove what has waited too long.
    case tidy(at: Timestamp)
}
