import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// The end of a fork (RULES N4).
extension Sidecar {
    /// Ends the fork of a network: of its histories the one goes on that its hub has, less what the others do not say.
    mutating func heal(_ name: String, id: CommandID, at now: Clocks) throws(Problem) -> [SidecarAction] {
        let network = try joinedNetwork(named: name)
        guard network.log?.isForked == true else { throw .notForked(name) }
        guard network.log?.state.role(of: key) == .owner else { throw .notAllowed(in: name, .notAllowed) }
        return begin(.heal, in: network, for: id, at: now)
    }

    /// The next entries that heal `network` at `hub`: as many as one request takes, the heal behind all others.
    func healingEntries(
        of network: Memberships.Membership,
        at hub: NodeKey,
        now: Timestamp
    ) throws(Problem) -> [NetworkEntry] {
        guard let log = network.log, let head = networkLinks[network.id].heads[hub],
            let healing = NetworkHealing(of: log, through: head, keys: network.keys)
        else { throw .notForked(network.name) }
        let missing = healing.missing.prefix(HubRequest.appendedCount)
        guard missing.count == healing.missing.count else { return Array(missing) }
        guard let key = network.keys[healing.state.key] else { throw .networkKeyMissing(network.name) }
        var author = NetworkAuthor(identity, after: healing.state, key: key, keys: book.successions, at: now)
        let room = HubRequest.appendedCount - missing.count
        var entries = Array(missing)
        for (change, content) in healing.corrections.prefix(room) {
            entries.append(author.write(change, content, using: random))
        }
        guard healing.corrections.count + 2 <= room else { return entries }
        entries.append(author.rekey(for: healing.readers, using: random))
        entries.append(author.write(.heal(healing.ended), using: random))
        return entries
    }
}
