package import HubProtocol
package import OverlayWire
package import PosternModel
package import TrustCore

/// What a hub wants done, in this order.
package enum HubAction: Hashable, Sendable {
    /// Answer a request.
    case answer(HubRequestID, HubAnswer)
    /// Send an event to a node; nothing happens if its event stream has ended.
    case push(NodeKey, HubEvent)
    /// End the event stream of a node, whose mail could not be read; the node opens another.
    case endWatch(NodeKey)
    /// Forward sealed packets between a channel of one node and a channel of another, both ways.
    case bridge(NodeKey, RelayChannel, NodeKey, RelayChannel)
    /// Stop forwarding for this channel and its other end.
    case unbridge(NodeKey, RelayChannel)
    /// Write into the audit trail.
    case audit(AuditEvent)
}
