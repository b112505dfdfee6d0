import PosternModel
import SidecarCore
import TrustCore

/// What is to happen in a system.
enum SystemEvent {
    // Of one life of a sidecar.
    case timer(Int, LifeNumber, timer: Int)
    case journalWritten(Int, LifeNumber)
    case journalRetry(Int, LifeNumber)
    case answered(Int, LifeNumber, SidecarRequestID, JSONValue?)
    case worked(Int, LifeNumber, SidecarRequestID, MailWork?)
    case sessionChanged(Int, LifeNumber, with: ProgramID, isUp: Bool)
    case watchAgain(Int, LifeNumber, hub: Int)
    case guest(GuestVisit)
    case guestLeft(Int, LifeNumber, guest: NodeKey)

    case auditFlush(ProgramID, LifeNumber)
    case committed(Int, LifeNumber)

    // Of the network.
    case initiation(Handshake)
    case response(Handshake, SessionNumber)
    case handshakeTimeout(Handshake)
    case message(Message)
    case liveness(ProgramID, ProgramID, SessionNumber, misses: Int)

    // Of the scenario.
    case operate(Int)
    case call(ServiceCall)
    case gateway(Int, GatewayStep)
    case disturb
    case mend(SystemFault)
    case replay(hub: Int, count: Int)
    case flood(hub: Int, count: Int)
    case restoreCopy(Int)
    case inspect
}

/// A client at one sidecar that calls a service of another.
struct ServiceCall {
    let client: Int
    let server: Int
    let service: Int
    /// When it stops waiting for a session.
    let patience: Instant
    /// Whether it was made to see that a healed system works, and has to get its answer.
    let isProbe: Bool
}

/// What goes wrong for a time.
enum SystemFault {
    case down(ProgramID)
    case partition(ProgramPair)
    case failingDisk(ProgramID)
    case deceit(HubDeceit, hub: Int)
}
