import HubProtocol
import OverlayWire
import PosternModel

// Opening and closing bridges, with the events for both nodes.
extension RelayTable {
    /// The channel of `node` in its bridge to `target`, which is opened if there is none, with an event for the target.
    /// Nil when a bound is reached.
    mutating func open(
        from node: NodeKey,
        to target: NodeKey,
        within settings: HubSettings
    ) -> (channel: RelayChannel, actions: [HubAction])? {
        if let channel = channel(of: node, with: target) { return (channel, []) }
        guard count < settings.bridgeCount else { return nil }
        guard count(of: node) < settings.channelCount, count(of: target) < settings.channelCount else { return nil }
        let ends = add(node, target)
        let actions: [HubAction] = [
            .bridge(node, ends.a.channel, target, ends.b.channel),
            .push(target, .channel(ends.b.channel, peer: node)),
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

    /// Closes all bridges of `node`.
    mutating func closeAll(of node: NodeKey) -> [HubAction] {
        ends(of: node).flatMap { close($0) }
    }
}
