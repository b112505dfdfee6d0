import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// The content key of a network, handed to each of its readers in a box: by owners and administrators to hubs, by hubs
// and fellow members to the reader.
extension Sidecar {
    /// Fellow members that are asked for a content key at a time.
    private static let askedCount = 3

    /// Asks hubs whose box they lack of the newest content key, where it is ours to hand out and they have not said
    /// that they lack none. Who made the key may have gone before that was done, and a hub may have lost what it had.
    mutating func handBoxes(of id: NetworkID) -> [SidecarAction] {
        guard let network = book.networks[id], let state = network.handedOut(by: key) else { return [] }
        let link = networkLinks[id]
        let asked = network.hubs.map(\.key).filter { hub in
            link.synced.contains(hub) && hubs[hub]?.isWatched == true && link.boxed[hub] != state.key
                && link.boxing[hub] == nil
        }
        return asked.map { hub in
            let readers = state.members.count + state.guests.count + NetworkLimits.credentials
            networkLinks[id].boxing[hub] = 2 + readers / HubRequest.boxCount
            return box([:], of: state.key, in: id, at: hub)
        }
    }

    private mutating func box(
        _ boxes: [NodeKey: [UInt8]],
        of key: NetworkHash,
        in id: NetworkID,
        at hub: NodeKey
    ) -> SidecarAction {
        .hubRequest(nextHubRequest(.box(id, key, hub: hub)), hub: hub, .box(id, key: key, boxes))
    }

    /// A hub was given boxes, and says whose it lacks. It is given those of readers that we know of, and no others'.
    mutating func boxed(
        _ answer: HubAnswer?,
        of key: NetworkHash,
        in id: NetworkID,
        at hub: NodeKey,
        now: Clocks
    ) -> [SidecarAction] {
        let left = networkLinks[id].boxing.removeValue(forKey: hub) ?? 0
        guard let network = book.networks[id], let state = network.handedOut(by: self.key) else { return [] }
        switch answer {
        case .boxed(let lacking):
            guard state.key == key, let content = network.keys[key] else { return handBoxes(of: id) }
            let guests = Set(state.guests)
            let readers = lacking.filter { network.contains($0) || guests.contains($0) }
            guard !readers.isEmpty, left > 0 else {
                networkLinks[id].boxed[hub] = key
                return []
            }
            networkLinks[id].boxing[hub] = left - 1
            let bytes = content.copyBytes()
            let boxes = readers.compactMap { reader in
                book.currentKey(of: reader).seal(bytes, using: random).map { (reader, $0) }
            }
            return [box(Dictionary(boxes) { first, _ in first }, of: key, in: id, at: hub)]
        case .refused(.behind):
            networkLinks[id].synced.remove(hub)
            return ask(hub, of: network)
        case .refused(.overLimit), .refused(.unavailable), nil: return []
        case .done, .registered, .revocations, .online, .offline, .away, .entries, .appended, .refused:
            // One of a former version keeps none.
            networkLinks[id].boxed[hub] = key
            return []
        }
    }

    /// The content key in a box for this node, or for the guest as which it joins.
    func contentKey(in box: [UInt8], of id: NetworkID) -> ContentKey? {
        let readers = [identity] + [book.networks[id]?.invitation?.guest].compactMap(\.self)
        return readers.lazy.compactMap { $0.openSealed(box) }.first.flatMap { ContentKey(bytes: $0) }
    }

    /// Asks fellow members for the content key that no hub has for us.
    mutating func askFellows(forKeyOf id: NetworkID) -> [SidecarAction] {
        guard let network = book.networks[id], network.lacksKey, network.contains(key), let log = network.log else {
            return []
        }
        let fellows = peers.links.filter { $0.value.isConnected && network.contains($0.key) }.keys.sorted()
        return fellows.prefix(Self.askedCount).map { ask($0, of: id, after: log) }
    }
}

extension Memberships.Membership {
    /// The state of the log, where `key` is an owner or administrator and so has its content key to hand out.
    fileprivate func handedOut(by key: NodeKey) -> NetworkState? {
        guard let log, !log.isForked, isListed(key), let role = log.state.role(of: key), role >= .admin,
            keys[log.state.key] != nil
        else { return nil }
        return log.state
    }
}
