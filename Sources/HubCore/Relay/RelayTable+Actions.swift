import HubProtocol
import OverlayWire
import PosternModel
import TrustCore

// Opening and closing bridges, with the events for both nodes.
extension RelayTable {
    /// The channel of the requester in its bridge to the target, which is opened if there is none, with an event for
    /// the target. Nil when a bound is reached.
    mutating func open(
        by lookUp: LookUp,
        within settings: HubSettings
    ) -> (channel: RelayChannel, actions: [HubAction])? {
        let (node, target) = (lookUp.requester, lookUp.target)
        if let channel = channel(of: node, with: target) { return (channel, []) }
        guard count < settings.bridgeCount else { return nil }
        guard count(of: node) < settings.channelCount, count(of: target) < settings.channelCount else { return nil }
        let ends = add(node, target, by: lookUp)
        let actions: [HubAction] = [
            .bridge(node, ends.a.channel, target, ends.b.channel),
            .push(target, .channel(ends.b.channel, peer: node, credential: lookUp.credential, keys: lookUp.keys)),
        ]
        return (ends.a.channel, actions)
    }

    /// Closes the bridge that has the end `end`, if there is one, and tells both nodes.
    mutating func close(_ end: End) -> [HubAction] {
        guard let other = remove(end) else { return [] }
        return [
            .unbridge(end.node, end.channel),
            .push(end.node, .closed(end.channel)),
            .push(other.node, .closed(other.channel)),
        ]
    }

    /// Closes the bridges of `node` that were opened because of a network. Whoever has another right asks again.
    mutating func closeAll(of node: NodeKey, by network: NetworkID) -> [HubAction] {
        ends(of: node).filter { end in
            guard case .network(network, _) = basis(of: end) else { return false }
            return true
        }.flatMap { close($0) }
    }

    /// Closes the bridges whose right has ended by itself at `time`.
    mutating func closeExpired(at time: Timestamp) -> [HubAction] { expired(at: time).flatMap { close($0) } }

    /// Closes all bridges of `node`.
    mutating func closeAll(of node: NodeKey) -> [HubAction] {
        ends(of: node).flatMap { close($0) }
    }
}
