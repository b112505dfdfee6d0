import OverlayWire
import PosternModel

// What comes with message 1: `Protocol.md` §4.5.
extension Node {
    /// Message 1 of a peer, opened.
    struct IncomingInitiation {
        var payload: InitiationPayload
        /// Frames that came with it.
        var early: [UInt8]
        var ephemeral: Words32
        /// By which the initiator wants to be addressed.
        var index: ReceiverIndex
        var path: AddressPair
        /// Whether the initiator has shown that it receives there.
        var isProven: Bool
        /// Whether it was made for a key that this node has changed.
        var isToFormerKey: Bool
    }

    /// Age of early data, by the conversation that both sides remember, up to which it counts before the peer has
    /// spoken under the new keys.
    private static let earlyDataAge = Interval.seconds(30)

    /// Whether what comes with message 1 may have its effects at once (`Protocol.md` §4.5).
    func mayTakeEarlyData(of incoming: IncomingInitiation, from peer: Peer, at now: Instant) -> Bool {
        // Whoever has stolen the former key can make a first message of any peer to it.
        guard takesEarlyData, peer.isAdmitted, peer.isFloorCertain, !incoming.isToFormerKey else { return false }
        let initiation = incoming.payload
        guard let former = peer.former else { return true }
        guard let named = initiation.parameters.formerSession, named.number == former.ours else { return false }
        let silence = Interval.milliseconds(Int64(min(named.silentMilliseconds, 1 << 40)))
        return now - former.heardAt - silence <= Self.earlyDataAge
    }

    /// Keeps what came with message 1. True when all of it is kept, false when there is no memory for it; a failure
    /// when the peer may not send it.
    mutating func takeEarlyData(
        of incoming: IncomingInitiation,
        _ session: Session,
        at now: Instant
    ) -> Result<Bool, FrameFailure> {
        guard !incoming.early.isEmpty else { return .success(true) }
        do throws(FrameFailure) {
            try session.receiveEarlyFrames(unsafe incoming.early.span.bytes, shared: &shared, at: now)
            return .success(true)
        } catch {
            switch error {
            case .dropped: return .success(false)
            case .violation, .closed: return .failure(error)
            }
        }
    }
}
