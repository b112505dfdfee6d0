import OverlayWire
import PosternModel
import TrustCore

/// What a decision changes in memory, once its writes are durable.
enum PresenceChange: Hashable, Sendable {
    /// A node opened its event stream: it gets its mail and is connected with those who wait for it, but for the
    /// `refused` ones, whose grants have been revoked.
    case arrive(NodeKey, mail: [StoredMail], keys: NodeChain?, refused: Set<NodeKey>, at: Timestamp)
    /// A node's event stream is over.
    case leave(NodeKey)
    /// Mail was stored: its reader gets it, if it is present.
    case deliver(StoredMail, to: NodeKey)
    /// A node looks up another, of which this is told; nil: it may not.
    case lookUp(HubRequestID, LookUp, LookUp.Target?)
    /// The log of a network has come to a head: its members that are present are told, and no packets are relayed any
    /// longer for those who are members no more, as far as they were by the network. They are told of the `credentials`
    /// that are news.
    case announce(NetworkID, NetworkHead, to: [NodeKey], ended: [NodeKey], credentials: [NetworkCredential])
    /// Words of owners and administrators of a network are kept, and its members that are present are told.
    case beat([NetworkBeat], to: [NodeKey])
    /// A node closes one of its channels.
    case release(NodeKey, RelayChannel)
    /// All channels of a node are closed.
    case closeChannels(of: NodeKey)
    /// Look-ups that were refused are told as a number; channels whose right has ended by itself are closed.
    case tidy(at: Timestamp)
    /// The giver's grants to the subject are void.
    case endTrust(GrantPair)
}
