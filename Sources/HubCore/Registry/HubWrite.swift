package import PosternModel
package import TrustCore

/// One change of a hub's store. The decision that asks for it has seen to it that it is allowed.
package enum HubWrite: Hashable, Sendable {
    /// Add a registration, or replace the one of the same node, which keeps its mark.
    case register(Registration)
    /// Put the mark of a registered node in the place of the one that it has left before.
    case mark(StateMark)
    /// Remove a registration.
    case deregister(NodeKey)
    /// Add mail, behind what waits for the node, which may not be registered. The mail is not there yet.
    case deposit(StoredMail, for: NodeKey)
    /// Remove mail of one node. Ids that are not there change nothing.
    case removeMail([RecordID], of: NodeKey)
    /// Remove mail of one class until all that is left costs no more than `cost`: each time, of the network that has
    /// most mails of the class, the one with the least work, the oldest of these. Of networks that have as many it is
    /// the one with the smaller tag, compared with sign.
    case trimMail(MailStanding.Kind, cost: Int)
    /// Remove all mail that was deposited before this time.
    case removeMailDeposited(before: Timestamp)
    /// Add entries behind those of a log, which has come to this state by them.
    case extend(NetworkState, [NetworkEntry])
    /// Keep boxes of the content key of this hash for readers in a network, in the place of those that they had.
    case keepBoxes(NetworkID, NetworkHash, [NodeKey: [UInt8]])
    /// Remove the boxes of readers in a network.
    case removeBoxes(NetworkID, of: [NodeKey])
    /// Void grants up to a time; the later one counts when there is one already. Beyond `limit` revocations of one
    /// giver the one with the earliest time is removed.
    case revoke(RevocationKey, StoredRevocation, limit: Int)
    /// Tell the other hubs that share the store, once all else of the transaction is durable. Where there are none it
    /// means nothing.
    case tell(HubNotice)
}
