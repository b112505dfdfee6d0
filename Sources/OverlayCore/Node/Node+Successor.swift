import OverlayCrypto
import OverlayWire
import PosternModel

/// A life that a peer says it has begun, answered and not confirmed: whoever holds back or repeats a first message
/// must not end the session that there is.
struct Successor {
    let session: Session
    /// Where message 1 came from, and whether the peer had shown that it receives there.
    let path: AddressPair
    let isProven: Bool
    /// Bytes of message 2.
    let answerSize: Int
    let answeredAt: Instant
    /// Message 2 went elsewhere too, so that whoever speaks under its keys need not be at `path`.
    var isAnsweredElsewhere = false
}

extension Node {
    /// Whether `packet` shows that the peer has the keys of the life that it has begun; then that takes its place.
    mutating func confirmsSuccessor(
        of peer: Peer,
        _ packet: RawSpan,
        index: ReceiverIndex,
        into scratch: Scratch,
        at now: Instant
    ) -> Bool {
        guard let successor = peer.successor,
            let epoch = successor.session.epochs.last(where: { $0.isAddressed(by: index) }),
            let number = epoch.opener.number(of: packet, largest: nil),
            (try? epoch.opener.open(packet, as: number, into: scratch)) != nil
        else { return false }
        promote(successor, of: peer, at: now)
        return true
    }

    /// The life that the peer has begun takes the place of the one before, whose streams end.
    mutating func promote(_ successor: Successor, of peer: Peer, at now: Instant) {
        peer.successor = nil
        if let old = peer.session {
            old.endStreams(.sessionLost(.restarted), shared: &shared)
            if old.isEstablished {
                shared.events.append(.sessionLost(peer.handle, peer.key, .restarted, reason: "the peer restarted"))
            }
            dismantle(old)
            clearRelays(through: peer)
        }
        let session = successor.session
        session.streams.continueGenerations(after: peer.lastStreamGeneration)
        peer.session = session
        announce(session)
        arrive(
            session,
            of: peer,
            on: successor.path,
            isProven: successor.isProven,
            areKeysElsewhere: successor.isAnsweredElsewhere,
            successor.answerSize,
            at: now
        )
        settle(peer)
    }

    /// Forgets the life that the peer says it has begun.
    mutating func dropSuccessor(of peer: Peer) {
        guard let successor = peer.successor else { return }
        peer.successor = nil
        let generation = peer.lastStreamGeneration
        dismantle(successor.session)
        peer.lastStreamGeneration = generation
    }

    /// The peer has shown that it has the keys of this life.
    mutating func confirm(_ session: Session) {
        guard !session.isConfirmed else { return }
        session.isConfirmed = true
        session.peer.isFloorCertain = true
        uncount(session)
    }

    /// Sessions of unknown peers that wait to be confirmed, at most.
    static let maximumUnconfirmed = 4096

    /// An unknown peer begins a session.
    mutating func count(_ session: Session) {
        guard session.isStranger, !session.isCounted else { return }
        session.isCounted = true
        unconfirmedStrangers += 1
    }

    /// It is confirmed, or over.
    mutating func uncount(_ session: Session) {
        guard session.isCounted else { return }
        session.isCounted = false
        unconfirmedStrangers -= 1
    }
}
