import OverlayWire
import PosternModel

// Direct paths through translators (`Protocol.md` §9.2).
extension Session {
    /// Whether a candidate is challenged only when the peer sends at the same time: nobody but the peer has named it,
    /// and it may be a translator's. What comes too early to one can close the way.
    func needsOpening(_ endpoint: Endpoint) -> Bool { endpoint.scope == .global && !peer.isKnown(endpoint) }

    /// Begins a round of tries, if a relay connects both and none is under way.
    func beginOpening(isEvent: Bool, shared: inout Shared, at now: Instant) {
        guard opening.isIdle else { return }
        ask(tries: isEvent ? Opening.maximumTries : 1, shared: &shared, at: now)
    }

    private func ask(tries: Int?, shared: inout Shared, at now: Instant) {
        guard isEstablished, let path, path.isRelayed, shared.settings.usesDirectPaths, !peer.relays,
            peer.sharesCandidates
        else { return opening.end() }
        control.areCandidatesDue = true
        requestAttest(shared: &shared)
        control.punch = opening.ask(tries: tries, patience: openingPatience, at: now)
    }

    /// How long the peer has for an answer over the relay.
    private var openingPatience: Interval {
        max(Opening.patience, (path?.roundTrip.smoothed ?? .zero) * 3)
    }

    func receive(_ frame: PunchFrame, on addresses: AddressPair, shared: inout Shared, at now: Instant) {
        guard shared.settings.usesDirectPaths, !peer.relays, peer.sharesCandidates, peer.isAdmitted else { return }
        guard addresses.isRelayed, path?.isRelayed == true else { return }
        switch frame.step {
        case .ask:
            // Each side's numbers are even or odd as its streams are; between two questions the lower key's counts.
            let answer = opening.answer(frame, yields: !opensEvenStreams, patience: openingPatience, at: now)
            guard let answer else { return }
            // Who asks has not heard of ports that are to be guessed.
            endGuessing()
            control.areCandidatesDue = true
            requestAttest(shared: &shared)
            control.punch = answer
        case .ready:
            if let answer = opening.begin(frame, at: now) { control.punch = answer }
        case .go:
            opening.go(frame, at: now)
        case .spread:
            beginGuessing(shared: &shared, at: now)
        case .turn:
            beginSpreading(isOurs: false, shared: &shared, at: now)
        }
    }

    /// Puts the step that waits into a packet, behind the candidates that belong to it.
    func writePunch(to writer: inout PacketWriter, at now: Instant) {
        guard let punch = control.punch, !control.areCandidatesDue, writer.remaining >= 18 else { return }
        writer.append(punch)
        control.punch = nil
        switch punch.step {
        case .ask: opening.asked(at: now)
        case .ready, .go, .spread, .turn: break
        }
    }

    /// Does what has become due: sends challenges, or goes on to the next try.
    func advanceOpening(to now: Instant, shared: inout Shared) {
        guard let deadline = opening.deadline, deadline <= now else { return }
        switch opening.phase {
        case .idle:
            break
        case .opening:
            opening.rest(at: now)
            guard path?.isRelayed == true else { return opening.end() }
            let candidates = peer.candidatesToProbe.filter { $0.endpoint.scope == .global }
            probe(candidates, reason: .opening, shared: &shared, at: now)
        case .asking, .resting:
            guard opening.isOurs else { return opening.end() }
            guard opening.triesLeft > 0 else { return tryGuessing(shared: &shared, at: now) }
            ask(tries: nil, shared: &shared, at: now)
        case .answering:
            opening.end()
        case .spreading:
            endSpreading(shared: &shared, at: now)
        case .guessing:
            endGuessing()
            opening.end()
        }
    }

    /// This node is elsewhere: the peer is told, and a direct path is looked for anew if there is none.
    func candidatesChanged(shared: inout Shared, at now: Instant) {
        control.areCandidatesDue = true
        peer.guessing = GuessingRest()
        peer.spreading = GuessingRest()
        guard selector(settings: shared.settings, at: now).wantsDirectPath else { return }
        probeCandidates(shared: &shared, at: now)
    }
}
