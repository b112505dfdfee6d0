import PosternModel
import TrustCore

/// Facts of journals in which every peer had a name, most often the one that it claimed.
///
/// A claim identifies nobody, so only two kinds of those names stay bound: those that the operator gave, and those of
/// inviters, whose invitations the operator redeemed. A name of a peer with which no trust stood before it may be
/// either a given or a claimed one, and is left out.
struct FormerFacts {
    private var inviters: [RecordID: NodeKey] = [:]
    /// The inviter whose answer the fact before this one told of.
    private var answered: NodeKey?
    private var trusted: Set<NodeKey> = []

    /// What `document` says, or nil when it is a fact in today's form.
    mutating func read(_ document: JSONValue) throws(RecordError) -> [TrustFact]? {
        let inviter = answered
        answered = nil
        let fields = try JSONFields(document)
        switch try fields.text("fact", limit: 32) {
        case "bonded":
            let relationship = try TrustRelationship(try fields.value("bond"), claims: "name")
            trusted.insert(relationship.peer)
            guard relationship.peer == inviter else { return [.trusted(relationship)] }
            return [.trusted(relationship), .bound(relationship.claims, to: relationship.peer)]
        case "named":
            let peer = try fields.key("peer")
            let name = try fields.text("name", limit: RecordLimits.name)
            return trusted.contains(peer) ? [.bound(name, to: peer)] : []
        case "joining" where document["name"] == nil:
            guard case .joining(let invitation, let claim, _) = try TrustFact(document) else { return nil }
            inviters[claim.id] = invitation.inviter
            return [.joining(invitation, claim, name: HostName.label(from: invitation.name))]
        case "answered":
            answered = inviters.removeValue(forKey: try fields.recordID("id"))
            return nil
        case _:
            return nil
        }
    }
}
