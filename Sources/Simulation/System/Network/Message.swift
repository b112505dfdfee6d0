import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore

/// What one program sends another within a session.
struct Message {
    let from: ProgramID
    let to: ProgramID
    let session: SessionNumber
    let content: MessageContent
}

/// The contents of messages.
enum MessageContent {
    case hubRequest(SidecarRequestID, HubRequest)
    case peerRequest(SidecarRequestID, PeerRequest)
    /// The answer to either; nil: the stream was reset.
    case answer(SidecarRequestID, JSONValue?)
    case watch(WatchNumber)
    case event(WatchNumber, HubEvent)
    case watchEnded(WatchNumber)
    case openStream(Int)
    /// The answer to the opening of a stream.
    case stream(Int, isAccepted: Bool)
    /// The sender has ended the session.
    case close
}

/// The start of a session, on its way.
struct Handshake {
    let initiator: ProgramID
    let responder: ProgramID
    /// The life of the initiator.
    let life: LifeNumber
    let attempt: Int
}

/// A visit to an inviter without a hub.
struct GuestVisit {
    let sidecar: Int
    let life: LifeNumber
    let id: SidecarRequestID
    let inviter: Int
    let guest: NodeKey
    let secret: PreSharedKey
    let request: PeerRequest
}
