package import HubProtocol
package import OverlayWire
package import PosternModel
package import TrustCore

/// One request, as the shell counts them.
package struct HubRequestID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What a hub wants done, in this order, after its store is durable.
package enum HubAction: Hashable, Sendable {
    /// Answer a request.
    case answer(HubRequestID, JSONValue)
    /// Tell a node that watches; nothing happens if it no longer does.
    case push(NodeKey, HubEvent)
    /// Forward sealed packets between the two conversations, both ways.
    case bridge(NodeKey, RelayChannel, NodeKey, RelayChannel)
    /// Stop forwarding for this conversation and its other end.
    case unbridge(NodeKey, RelayChannel)
    /// Write into the audit trail.
    case audit(AuditEvent)
}
