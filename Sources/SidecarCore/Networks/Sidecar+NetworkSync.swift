import HubProtocol
import OverlayCrypto
import PosternModel
import TrustCore

// Logs of networks and the hubs that keep them: reading what is new, and adding what commands want.
extension Sidecar {
    /// Does what has become due.
    mutating func advanceNetworks(at now: Clocks) -> [SidecarAction] {
        let late = networkLinks.tasks.filter { $0.command != nil && $0.deadline <= now.instant }
        networkLinks.tasks.removeAll { $0.command != nil && $0.deadline <= now.instant }
        var actions: [SidecarAction] = []
        for task in late {
            networkLinks[task.network].isAppending = false
            let name = book.networks[task.network]?.name ?? ""
            let why = task.refusal.map { Problem.networkRefused(name, $0.message) } ?? .networkAway(name, task.work)
            actions += fail(task, why, at: now)
        }
        if let retry = networkLinks.retry, retry <= now.instant {
            networkLinks.retry = nil
            actions += syncNetworks(at: now)
        }
        return actions + beat(at: now) + reviewFreshness(at: now)
    }

    /// Asks hubs for what they have and we lack, and gives them what waits for them.
    mutating func syncNetworks(at now: Clocks) -> [SidecarAction] {
        book.networks.sorted.flatMap { network in
            network.hubs.map(\.key).filter { hubs[$0]?.isWatched == true }.flatMap { ask($0, of: network) }
                + doTasks(for: network.id, at: now)
        }
    }

    /// A hub says how far the log of a network has come.
    mutating func told(of head: NetworkHead, of id: NetworkID, by hub: NodeKey, at now: Clocks) -> [SidecarAction] {
        guard let network = book.networks[id], network.log?.contains(head.hash) != true || network.lacksKey else {
            return []
        }
        networkLinks[id].synced.remove(hub)
        return ask(hub, of: network)
    }

    /// A hub answered what we asked of a log.
    mutating func read(_ answer: HubAnswer?, of id: NetworkID, at hub: NodeKey, now: Clocks) -> [SidecarAction] {
        networkLinks[id].isReading = false
        switch answer {
        case .entries(let entries, let head, let boxes):
            guard book.networks[id] != nil else { return [] }
            let key = boxes.values.compactMap { contentKey(in: $0, of: id) }.first
            let actions = take(entries, of: id, with: key, at: now) + learn(key, of: id)
            let isKnown = book.networks[id]?.log?.contains(head.hash) == true
            guard isKnown || entries.isEmpty || book.networks[id]?.log?.contains(entries[0].hash) != true else {
                return actions + (book.networks[id].map { ask(hub, of: $0) } ?? [])
            }
            networkLinks[id].synced.insert(hub)
            networkLinks[id].heads[hub] = head.hash
            guard let told = compareReceipt(of: hub, for: id, with: head, at: now) else { return actions }
            return actions + askWhoElse(in: id, at: hub) + told
                + restore(id, after: head.hash, at: now)
                + joinIfInvited(id, at: now)
                + doTasks(for: id, at: now) + handBoxes(of: id) + askFellows(forKeyOf: id)
        case .refused(.unknown):
            guard let network = book.networks[id] else { return [] }
            networkLinks[id].synced.insert(hub)
            guard network.contains(key) else { return keptOut(of: network) }
            // It has lost the log, or never had it: whoever has it restores it (RULES N3).
            networkLinks[id].heads[hub] = nil
            guard let told = compareReceipt(of: hub, for: id, with: nil, at: now) else { return [] }
            return told + restore(id, after: nil, at: now) + doTasks(for: id, at: now)
        case .done, .registered, .revocations, .online, .offline, .away, .appended, .boxed, .refused, nil:
            networkLinks.retry = now.instant + settings.networkRetry
            return []
        }
    }

    /// A hub tells us nothing of a network. Whose membership has ended hears no more until somebody renews it, or
    /// a younger link brings him back.
    private mutating func keptOut(of network: Memberships.Membership) -> [SidecarAction] {
        let why = Problem.badNetworkLink(
            "the hub knows no such network, or the invitation is used up, over, or too old to bring this sidecar back"
        )
        let isUnknown = network.log == nil
        let ended = isUnknown ? networkLinks.forget(network.id) : networkLinks.dropTasks(of: network.id)
        let failed = ended.compactMap(\.command).map { SidecarAction.fail($0, why) }
        return failed + (isUnknown ? [record([.network(.forgotten(network.id))])] : [])
    }

    /// A hub answered what we added to a log.
    mutating func appended(_ answer: HubAnswer?, to id: NetworkID, at hub: NodeKey, now: Clocks) -> [SidecarAction] {
        networkLinks[id].isAppending = false
        guard let position = networkLinks.tasks.firstIndex(where: { $0.network == id }),
            let network = book.networks[id]
        else { return [] }
        let task = networkLinks.tasks[position]
        switch answer {
        case .appended(let receipt)
        where receipt.hub == hub && receipt.network == id && receipt.head.hash == task.entries.last?.hash:
            networkLinks[id].heads[hub] = receipt.head.hash
            networkLinks[id].receipts[hub] = receipt.head
            if task.isComplete { networkLinks.tasks.remove(at: position) }
            let actions = take(task.entries, of: id, at: now)
            // A hub that lacked the log lacks the words of owners and administrators as well.
            let words = task.work.isRestoring ? [tell(hub, of: id)] : []
            return actions + words + (task.isComplete ? complete(task, at: now) : [])
                + restore(id, after: receipt.head.hash, at: now) + doTasks(for: id, at: now) + handBoxes(of: id)
        case .refused(.behind), .refused(.unknown):
            networkLinks[id].synced.remove(hub)
            guard task.attempts <= settings.networkAttempts else {
                networkLinks.tasks.remove(at: position)
                return fail(task, .lostRace(network.name), at: now)
            }
            return ask(hub, of: network)
        case .refused(.overLimit), .refused(.unavailable), nil:
            if case .refused(let refusal) = answer { networkLinks.tasks[position].refusal = refusal }
            networkLinks.retry = now.instant + settings.networkRetry
            return []
        case .done, .registered, .revocations, .online, .offline, .away, .entries, .appended, .boxed, .refused:
            networkLinks.tasks.remove(at: position)
            var message = "its answer cannot be read"
            if case .refused(let refusal) = answer { message = refusal.message }
            return fail(task, .networkRefused(network.name, message), at: now)
        }
    }

    /// Begins `work`; its command is answered once a hub has taken it.
    mutating func begin(
        _ work: NetworkWork,
        in network: Memberships.Membership,
        for command: CommandID?,
        at now: Clocks
    ) -> [SidecarAction] {
        let deadline = now.instant + settings.networkPatience
        let task = NetworkTask(network: network.id, work: work, command: command, deadline: deadline)
        networkLinks.tasks.append(task)
        return reconcileHubs(at: now) + syncNetworks(at: now)
    }

    mutating func ask(_ hub: NodeKey, of network: Memberships.Membership) -> [SidecarAction] {
        let link = networkLinks[network.id]
        guard !link.isReading, !link.synced.contains(hub), hubs[hub]?.isWatched == true else { return [] }
        networkLinks[network.id].isReading = true
        // Whoever is a member by certificate is none to a hub that has not seen it.
        if let certificate = network.certificate, !link.shown.contains(hub), !network.isListed(key) {
            return [show(certificate.credential, in: network.id, to: hub)]
        }
        let guest = network.contains(key) ? nil : network.invitation?.guest
        let proof = guest.map { NetworkProof(of: $0, for: key, joining: network.id) }
        let request = HubRequest.read(network.id, after: network.log?.locator ?? [], proof: proof)
        return [.hubRequest(nextHubRequest(.read(network.id, hub: hub)), hub: hub, request)]
    }

    /// Gives the hub of the first task of `id` what the task wants of the log.
    private mutating func doTasks(for id: NetworkID, at now: Clocks) -> [SidecarAction] {
        guard let position = networkLinks.tasks.firstIndex(where: { $0.network == id }),
            let network = book.networks[id], let log = network.log, !networkLinks[id].isAppending
        else { return [] }
        let link = networkLinks[id]
        let hub = network.hubs.map(\.key).first { link.synced.contains($0) && hubs[$0]?.isWatched == true }
        guard let hub else { return [] }
        var task = networkLinks.tasks[position]
        do throws(Problem) {
            let label = HostName.label(from: profile.name)
            if task.work == .heal {
                task.entries = try healingEntries(of: network, at: hub, now: now.wall)
            } else {
                if log.isForked, !task.work.isRestoring { throw .forked(network.name) }
                task.entries = try task.work.entries(
                    by: identity,
                    in: network,
                    joinedAs: label,
                    keys: book.successions,
                    at: now.wall,
                    using: random
                )
                if !task.work.isRestoring { try Self.check(task.entries, over: log, in: network.name) }
            }
        } catch {
            // Whoever made the newest content key has not handed it to the guest yet.
            if task.work == .join, network.lacksKey {
                networkLinks[id].synced.remove(hub)
                networkLinks.retry = now.instant + settings.networkRetry
                return []
            }
            networkLinks.tasks.remove(at: position)
            return fail(task, error, at: now) + doTasks(for: id, at: now)
        }
        guard !task.entries.isEmpty else {
            networkLinks.tasks.remove(at: position)
            return complete(task, at: now) + doTasks(for: id, at: now)
        }
        task.attempts += 1
        networkLinks.tasks[position] = task
        networkLinks[id].isAppending = true
        return [.hubRequest(nextHubRequest(.append(id, hub: hub)), hub: hub, .append(id, task.entries))]
    }

    private static func check(
        _ entries: [NetworkEntry],
        over log: NetworkLog,
        in name: String
    ) throws(Problem) {
        if let size = entries.compactMap(\.body?.count).max(), size > NetworkLimits.body {
            throw .tooLarge(for: name, byteCount: size)
        }
        var state = log.state
        do throws(NetworkFault) {
            for entry in entries { try state.apply(entry) }
        } catch {
            throw .notAllowed(in: name, error)
        }
    }

    /// What a hub lacks of a log that it has up to `locator` is given to it, by whoever has it.
    private mutating func restore(_ id: NetworkID, after head: NetworkHash?, at now: Clocks) -> [SidecarAction] {
        guard let network = book.networks[id], network.contains(key), let log = network.log,
            !log.line(after: head, byteCount: 1).isEmpty,
            !networkLinks.tasks.contains(where: { $0.network == id && $0.work.isRestoring })
        else { return [] }
        let deadline = now.instant + settings.networkPatience
        let work = NetworkWork.restore(after: head)
        networkLinks.tasks.insert(NetworkTask(network: id, work: work, command: nil, deadline: deadline), at: 0)
        return doTasks(for: id, at: now)
    }

    /// The log of a network that we have a link into is here: we join.
    private mutating func joinIfInvited(_ id: NetworkID, at now: Clocks) -> [SidecarAction] {
        guard let network = book.networks[id], let invitation = network.invitation, let log = network.log,
            !network.contains(key), let guest = invitation.guest
        else { return [] }
        let proof = NetworkProof(of: guest, for: key, joining: id)
        let isWaiting = networkLinks.tasks.contains { $0.network == id && $0.work == .join }
        // What the link pins must be in what the hub tells.
        guard log.contains(invitation.head.hash), !isWaiting, log.state.admits(proof, of: key, at: now.wall) else {
            return []
        }
        return begin(.join, in: network, for: nil, at: now)
    }
}

extension NetworkWork {
    var isRestoring: Bool {
        switch self {
        case .restore: true
        case .join, .enter, .leave, .add, .expire, .authorize, .unauthorize, .heal, .remove, .role, .transfer, .name,
            .group, .policy, .invite, .publish:
            false
        }
    }
}

extension NetworkTask {
    /// Whether nothing is left to do once its entries are in the log.
    fileprivate var isComplete: Bool {
        guard work == .heal, let last = entries.last else { return true }
        if case .heal = last.header.change { return true }
        return false
    }
}
