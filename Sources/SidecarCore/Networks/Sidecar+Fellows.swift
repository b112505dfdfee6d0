import OverlayCrypto
import PosternModel
import TrustCore

// Fellow members: who they are, what they are called, and what one member tells another.
extension Sidecar {
    /// The networks that this node and `peer` are in. A state that is older than the node knows of none.
    func fellowNetworks(of peer: NodeKey) -> [Memberships.Membership] {
        book.blocked.contains(peer) || book.outdated != nil ? [] : book.networks.shared(with: peer)
    }

    /// Whether this node and `peer` are in a network.
    func isFellow(_ peer: NodeKey) -> Bool { !fellowNetworks(of: peer).isEmpty }

    /// The memberships of `peer` that count here, or did when last something was heard of their networks.
    func fellowMemberships(of peer: NodeKey, at now: Timestamp? = nil) -> [FellowMembership] {
        fellowNetworks(of: peer).compactMap { network in
            let isStale = now.map { isRefused(network, at: $0) } ?? false
            return network.content.map { content in
                FellowMembership(
                    of: peer,
                    in: content,
                    called: network.name,
                    groups: network.groups(of: peer),
                    isStale: isStale
                )
            }
        }
    }

    /// Where the logs of our networks are.
    var networkHubs: [HubURL] { book.networks.sorted.flatMap(\.hubs) }

    /// The fellow member that is called `name`: its label, a dot, and what the network is called here.
    func member(named name: String) -> NodeKey? {
        guard let dot = name.lastIndex(of: "."),
            let network = book.networks.network(named: String(name[name.index(after: dot)...]))
        else { return nil }
        let key = network.content?.names[String(name[..<dot])]
        // Whoever is shut out here keeps its name: that it is shut out is told under it.
        return key.flatMap { book.networks.shared(with: $0).contains { $0.id == network.id } ? $0 : nil }
    }

    /// The peers whose address `address` is: the personal one, or one in a network.
    func keys(at address: OverlayAddress) -> [NodeKey] {
        knownKeys.filter { key in
            key.personalAddress == address
                || fellowNetworks(of: key).contains { $0.addresses(of: key).contains(address) }
        }.sorted()
    }

    /// The member of `network` that `name` means: by did, address, label, or the name that it has here.
    /// - Parameter isOverToo: whether it may be one whose membership has ended by itself.
    func member(
        _ name: PeerName,
        of network: Memberships.Membership,
        isOverToo: Bool = false
    ) throws(Problem) -> NodeKey {
        var keys = name.meaning == .key(key) ? [key] : candidates(for: name)
        if case .name(let text) = name.meaning {
            let label = text.hasSuffix(".\(network.name)") ? String(text.dropLast(network.name.count + 1)) : text
            if let holder = network.holder(of: label) { keys = [holder] }
        }
        let members = keys.filter { network.contains($0) || isOverToo && network.lapsed.contains($0) }
        guard members.count <= 1 else { throw .ambiguousPeer(name, members.map(\.did)) }
        if let found = members.first { return found }
        if let key = keys.first, case .over(let end) = network.absence(of: key) {
            throw .membershipOver(network.content?.name(of: key) ?? key.did, network.name, end)
        }
        throw .noMember(name.description, network.name)
    }

    /// A session with `peer` came to stand: each side asks what the other knows of their networks, so that a fork, or
    /// what a hub withholds, shows (RULES N6).
    mutating func compareLogs(with peer: NodeKey) -> [SidecarAction] {
        fellowNetworks(of: peer).compactMap { network in
            guard let log = network.log else { return nil }
            return ask(peer, of: network.id, after: log)
        }
    }

    /// Asks a fellow member for what it has of a network and we lack, and gives it what we have of its owners' and
    /// administrators' words.
    mutating func ask(_ peer: NodeKey, of id: NetworkID, after log: NetworkLog) -> SidecarAction {
        let request = nextPeerRequest(.entries(id, peer))
        let beats = networkLinks[id].beatList
        let certificate = book.networks[id].flatMap { $0.isListed(key) ? nil : $0.certificate?.credential }
        return .peerRequest(
            request,
            peer: peer,
            .entries(id, after: log.locator, beats: beats, credential: certificate)
        )
    }

    /// What `peer` lacks of a network's log: only who is in it hears anything (R10).
    func answer(to peer: NodeKey, lacking locator: [NetworkHash], of id: NetworkID) -> PeerAnswer {
        guard let network = fellowNetworks(of: peer).first(where: { $0.id == id }), let log = network.log else {
            return .refused
        }
        let entries = log.entries(after: locator, byteCount: settings.entriesSize).map { $0.boxes(for: [peer]) }
        // No entry has a box of the newest key for who came by certificate, nor for a member of whom its author did not
        // know when a hub showed him another history.
        let box = network.keys[log.state.key].flatMap { book.currentKey(of: peer).seal($0.copyBytes(), using: random) }
        return .entries(entries, beats: networkLinks[id].beatList, key: box)
    }

    /// `peer` told us entries that we lacked; it is asked for more while there are new ones.
    mutating func compared(
        _ entries: [NetworkEntry],
        of id: NetworkID,
        with peer: NodeKey,
        at now: Clocks
    ) -> [SidecarAction] {
        let before = book.networks[id]?.log?.heads
        let actions = take(entries, of: id, at: now)
        guard let log = book.networks[id]?.log, log.heads != before, peers[peer].isConnected else { return actions }
        return actions + [ask(peer, of: id, after: log)] + syncNetworks(at: now)
    }
}

extension Memberships.Membership {
    /// The addresses of `key` in the network: the canonical one, and one for each of its groups (R2).
    func addresses(of key: NodeKey) -> [OverlayAddress] {
        let groups = groups(of: key).compactMap { content?.groups[$0]?.number }.sorted()
        return ([0] + groups).map { key.address(inNetwork: id.label, group: $0) }
    }
}
