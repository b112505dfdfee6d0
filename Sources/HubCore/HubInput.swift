package import HubProtocol
package import PosternModel

/// One request, as the shell counts them.
package struct HubRequestID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Something that happened to a hub, at a time of the wall clock. The session has proved the node's key.
package enum HubInput: Hashable, Sendable {
    /// A node asks; ``Hub/admit(from:at:_:)`` let the request through.
    case request(HubRequest, id: HubRequestID, from: NodeKey, at: Timestamp)
    /// A node opened its event stream. One that it had before is over.
    case watchOpened(by: NodeKey, at: Timestamp)
    /// The event stream of a node ended, or the session with it did.
    case watchClosed(by: NodeKey)
    /// It is time to remove what has waited too long.
    case tidy(at: Timestamp)
}
