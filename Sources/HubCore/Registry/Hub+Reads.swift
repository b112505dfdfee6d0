import HubProtocol
import PosternModel
import TrustCore

// What has to be known for each input. It depends on the input, never on what the store holds, so that a look-up or a
// deposit costs the same whatever its target is (R8, R9).
extension Hub {
    func add(to reads: inout HubReads, for input: HubInput) {
        switch input {
        case .request(let request, _, let node, _, _):
            add(to: &reads, for: request, from: node)
        case .watchOpened(let node, _):
            reads.mailboxes.insert(node)
            reads.registrations.insert(node)
            for lookUp in presence.awaited.lookUps(of: node) {
                switch lookUp.basis {
                case .grant: reads.revocations.insert(tags.revocation(by: node, of: lookUp.requester))
                case .network(let network, _): reads.networks.insert(network)
                }
            }
        case .watchClosed(let node, _):
            reads.registrations.insert(node)
        case .told(.mail(_, let target)):
            // Nobody but hubs sees whether it is read.
            if presence.watchers.contains(target) { reads.mailboxes.insert(target) }
        case .told(.network(let network)):
            reads.networks.insert(network)
        case .told(.revoked), .told(.deregistered):
            break
        case .tidy(let now):
            reads.unseen = HubReads.Unseen(since: now + (.zero - settings.nodeLifetime), limit: settings.expiryCount)
        }
    }

    private func add(to reads: inout HubReads, for request: HubRequest, from node: NodeKey) {
        // Whether its key is the current one.
        reads.registrations.insert(node)
        switch request {
        case .register, .visit, .deregister, .mark:
            break
        case .deposit(let target, let sealed, _):
            reads.mail.insert(MailKey(target: target, id: RecordID(ofBytes: sealed)))
            reads.headers.insert(target)
            reads.registrations.insert(target)
            reads.revocations.insert(tags.revocation(by: target, of: node))
        case .acknowledge(let ids):
            for id in ids { reads.mail.insert(MailKey(target: node, id: id)) }
        case .resolve(let target, _):
            reads.registrations.insert(target)
            reads.revocations.insert(tags.revocation(by: target, of: node))
        case .meet(let target, let network):
            reads.registrations.insert(target)
            reads.networks.insert(network)
        case .beat(let network, _), .show(_, let network):
            reads.networks.insert(network)
        case .append(let network, _):
            reads.registrations.insert(node)
            reads.networks.insert(network)
        case .box(let network, let key, _):
            reads.networks.insert(network)
            reads.boxed.insert(HubReads.Boxed(network: network, key: key))
        case .read(let network, let locator, let proof):
            reads.networks.insert(network)
            reads.boxes.insert(boxes(of: network, for: node, proof))
            reads.entries.insert(entries(of: network, after: locator))
        case .revoke(let revocation):
            reads.registrations.insert(node)
            reads.revocations.insert(tags.revocation(by: node, of: revocation.subject))
        case .recall(let keys):
            for key in keys {
                reads.registrations.insert(key)
                reads.revocations.insert(tags.revocation(by: node, of: key))
                reads.revocations.insert(tags.revocation(by: key, of: node))
            }
        case .release:
            break
        }
    }

    /// The boxes of `node` and of the guest whose proof it shows.
    func boxes(of network: NetworkID, for node: NodeKey, _ proof: NetworkProof?) -> HubReads.Boxes {
        HubReads.Boxes(network: network, readers: [node] + [proof?.guest].compactMap(\.self))
    }

    /// What one answer to `read` may hold.
    func entries(of network: NetworkID, after locator: [NetworkHash]) -> HubReads.Entries {
        HubReads.Entries(network: network, locator: locator, byteCount: settings.entriesSize)
    }
}
