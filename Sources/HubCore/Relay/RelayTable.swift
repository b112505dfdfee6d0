import OverlayWire
import PosternModel
import TrustCore

/// The bridges of a hub: for each pair of nodes at most one, with a channel number at each of its ends.
///
/// Numbers are counted per node, so that they tell nothing about the hub's other traffic.
struct RelayTable: Sendable {
    /// One end of a bridge.
    struct End: Hashable, Sendable {
        let node: NodeKey
        let channel: RelayChannel
    }

    private var others: [End: End] = [:]
    /// The look-up by which each bridge was opened, at the end of the requester.
    private var lookUps: [End: LookUp] = [:]
    private var channels: [NodeKey: [NodeKey: RelayChannel]] = [:]
    private var lastNumbers: [NodeKey: UInt32] = [:]

    /// The number of bridges.
    var count: Int { others.count / 2 }

    /// The channel of `node` in its bridge to `peer`.
    func channel(of node: NodeKey, with peer: NodeKey) -> RelayChannel? { channels[node]?[peer] }

    /// The number of bridges of `node`.
    func count(of node: NodeKey) -> Int { channels[node]?.count ?? 0 }

    /// Adds a bridge between two nodes that have none, for the first by its look-up.
    mutating func add(_ a: NodeKey, _ b: NodeKey, by lookUp: LookUp) -> (a: End, b: End) {
        let ends = (a: End(node: a, channel: nextChannel(of: a)), b: End(node: b, channel: nextChannel(of: b)))
        others[ends.a] = ends.b
        others[ends.b] = ends.a
        lookUps[ends.a] = lookUp
        channels[a, default: [:]][b] = ends.a.channel
        channels[b, default: [:]][a] = ends.b.channel
        return ends
    }

    /// Removes the bridge that has the end `end`; returns its other end.
    mutating func remove(_ end: End) -> End? {
        guard let other = others.removeValue(forKey: end) else { return nil }
        others[other] = nil
        lookUps[end] = nil
        lookUps[other] = nil
        forget(end.node, with: other.node)
        forget(other.node, with: end.node)
        return other
    }

    /// What the bridge that has the end `end` was opened for.
    func basis(of end: End) -> LookUp.Basis? { (lookUps[end] ?? others[end].flatMap { lookUps[$0] })?.basis }

    /// One end of each bridge whose right has ended by itself at `time`, in a stable order.
    func expired(at time: Timestamp) -> [End] {
        lookUps.filter { $0.value.isExpired(at: time) }.keys
            .sorted { ($0.node, $0.channel.rawValue) < ($1.node, $1.channel.rawValue) }
    }

    /// The ends that `node` has.
    func ends(of node: NodeKey) -> [End] {
        (channels[node] ?? [:]).values.sorted { $0.rawValue < $1.rawValue }.map { End(node: node, channel: $0) }
    }

    /// Lets the channel numbers of a node that left start again.
    mutating func forgetNumbers(of node: NodeKey) {
        if channels[node] == nil { lastNumbers[node] = nil }
    }

    private mutating func forget(_ node: NodeKey, with peer: NodeKey) {
        channels[node]?[peer] = nil
        if channels[node]?.isEmpty == true { channels[node] = nil }
    }

    private mutating func nextChannel(of node: NodeKey) -> RelayChannel {
        var number = lastNumbers[node] ?? 0
        repeat {
            number = number == .max ? 1 : number + 1
        } while others[End(node: node, channel: RelayChannel(number))] != nil
        lastNumbers[node] = number
        return RelayChannel(number)
    }
}
