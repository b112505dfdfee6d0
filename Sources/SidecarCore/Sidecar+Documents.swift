import OverlayCrypto
package import PosternModel
import TrustCore

// The documents that other programs read (INTERFACE).
extension Sidecar {
    /// The number of requests that wait for the operator.
    package var pendingCount: Int { book.pending.count }

    /// `trust list`.
    package func trustDocument(at now: Timestamp) -> JSONValue {
        let trusted = book.relationships.values.filter { book.trust.standing(of: $0.peer, at: now).isMutual }
        let pending = book.pending.sorted {
            ($0.value.received, $0.key.description) < ($1.value.received, $1.key.description)
        }.map(\.value)
        let outgoing = book.outgoing.sorted {
            ($0.value.issued, $0.key.description) < ($1.value.issued, $1.key.description)
        }.map(\.value)
        return [
            "trusted": .array(
                trusted.sorted { ($0.since, $0.peer.did) < ($1.since, $1.peer.did) }.map {
                    relationshipDocument(of: $0)
                }
            ),
            "pending": .array(pending.map { pendingDocument(of: $0) }),
            "outgoing": .array(outgoing.map { outgoingDocument(of: $0) } + joiningDocuments),
        ]
    }

    /// The peers with which a trust stands, as `peers` lists them; what only the overlay knows is added by the shell.
    package func trustedPeers(at now: Timestamp) -> [(key: NodeKey, document: JSONObject)] {
        book.trust.peers(at: now).compactMap { peer in
            guard let relationship = book.relationships[peer] else { return nil }
            var object = JSONObject()
            object["did"] = .string(peer.did)
            object["name"] = .string(displayName(of: peer))
            object["address"] = .string(peer.personalAddress.description)
            object["networks"] = []
            object["trusted"] = true
            object["since"] = .time(relationship.since)
            object["lastSeen"] = .time(peers[peer].lastMet)
            return (peer, object)
        }.sorted { $0.key.did < $1.key.did }
    }

    /// The hubs in use: whether each is one of our own, and whether its session and event stream stand.
    package func hubStates() -> [(url: HubURL, isOurs: Bool, isUp: Bool)] {
        hubs.links.values.map { ($0.url, $0.isOurs, $0.isUp && $0.isWatched) }.sorted {
            $0.0.description < $1.0.description
        }
    }

    /// What a command that made or changed a trust answers.
    func relationshipDocument(of peer: NodeKey) -> JSONValue {
        guard let relationship = book.relationships[peer] else {
            return ["did": .string(peer.did), "state": "unknown"]
        }
        return relationshipDocument(of: relationship)
    }

    private func relationshipDocument(of relationship: TrustRelationship) -> JSONValue {
        [
            "did": .string(relationship.peer.did), "name": .string(displayName(of: relationship.peer)),
            "state": "trusted",
            "services": listDocument(relationship.given.services),
            "offers": listDocument(relationship.received.services),
            "since": .time(relationship.since), "expires": .time(relationship.given.expires),
        ]
    }

    private func pendingDocument(of entry: TrustBook.Pending) -> JSONValue {
        [
            "id": .string(entry.request.id.description), "did": .string(entry.request.asker.did),
            "name": .string(entry.request.name), "note": .string(entry.request.note),
            "services": listDocument(entry.request.services), "received": .time(entry.received),
        ]
    }

    private func outgoingDocument(of request: TrustRequest) -> JSONValue {
        [
            "id": .string(request.id.description), "did": .string(request.target.did),
            "name": .string(displayName(of: request.target)), "note": .string(request.note),
            "services": listDocument(request.services), "sent": .time(request.issued),
            "expires": .time(request.expires),
        ]
    }

    private var joiningDocuments: [JSONValue] {
        book.joining.sorted { $0.key.description < $1.key.description }.map { id, joining in
            [
                "id": .string(id.description), "did": .string(joining.invitation.inviter.did),
                "name": .string(joining.invitation.name), "note": "invitation",
                "services": listDocument(joining.invitation.services), "sent": .time(joining.claim.grant.issued),
                "expires": .time(joining.invitation.expires),
            ]
        }
    }

    /// Services for readers: always an array, `["*"]` for all.
    private func listDocument(_ services: ServiceSet) -> JSONValue {
        switch services {
        case .all: ["*"]
        case .names: services.json
        }
    }
}
