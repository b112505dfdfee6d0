import HubProtocol
package import PosternModel
package import TrustCore

/// Holds back what promises something to somebody until the facts behind it are on the disk, and lets everything else
/// go on meanwhile.
///
/// Facts gather into one write while another is under way, so that many commands share one sync. What promises waits
/// for the write that was to come, or else under way, when it arrived:
///
/// | action | while facts are unsaved | when their write fails |
/// | --- | --- | --- |
/// | answers; redemptions; mail, revocations and acknowledgements to hubs | wait | are not made: see below |
/// | answers that only report what a peer offers, or what we offer it | are given | |
/// | answers that tell what was decided | wait | are given: `status` says what is not stored |
/// | admission of a peer, and what is wanted of that peer behind it | wait | wait for the next write |
/// | expulsion of a peer | is done, and what waits for the peer's admission is dropped | |
/// | audit entry | is recorded behind the facts before it | is recorded |
/// | everything else | is done | |
///
/// In place of a promise that is not made, a command fails, a peer is refused, and the core hears that its request has
/// no answer. Facts of a failed write belong to the next one, which begins with the next facts or the next action that
/// has to wait for them. A value: its owner does the steps and the writes.
package struct CommitGate: Sendable {
    /// What is to be done now.
    package enum Step: Hashable, Sendable {
        case perform(SidecarAction)
        /// Write an entry into the audit trail, after everything written before.
        case record(Entry)
        /// A request to a hub that was not made, and so has no answer.
        case hubUnanswered(SidecarRequestID)
        /// The same for a request to a peer.
        case peerUnanswered(SidecarRequestID)
        /// What a peer asked is not answered.
        case refuse(PeerRequestID)
    }

    /// An entry of the audit trail.
    package struct Entry: Hashable, Sendable {
        package let event: AuditEvent
        package let time: Timestamp
    }

    /// What is to be written together: the facts made durable, then the entries recorded.
    package struct Write: Hashable, Sendable {
        package var facts: [TrustFact] = []
        package var entries: [Entry] = []
    }

    private struct Waiting: Sendable {
        let action: SidecarAction
        /// The number of the write that has to succeed first.
        let write: UInt64
    }

    /// Actions that may wait to be promised; beyond it they are treated as if the write had failed.
    private let limit: Int
    private var underWay: Write?
    /// What gathers for the next write.
    private var next = Write()
    /// The number of the next write.
    private var nextNumber: UInt64 = 1
    /// Whether something asks for the next write, other than facts of a write that failed.
    private var isWanted = false
    /// Whether the latest write that has ended has failed.
    private var hasFailed = false
    private var waiting: [Waiting] = []
    /// What the answers of commands say, where it is not that something was stored.
    private var sayings: [CommandID: Saying] = [:]

    /// What the answer of a command says.
    package enum Saying: Hashable, Sendable {
        /// What somebody else said: it promises nothing.
        case report
        /// What was decided; nothing changes.
        case decision
        /// That something was taken away, which holds in this process whatever the disk does.
        case cut
    }

    /// `limit`: the promises that may wait at a time. The core bounds what causes them; this bounds what a hub that
    /// never pauses could add while the disk stands still.
    package init(limit: Int = 16_384) {
        self.limit = limit
    }

    /// How many facts stand in memory alone because the write that was to store them has failed.
    package var unstoredCount: Int { hasFailed ? next.facts.count + (underWay?.facts.count ?? 0) : 0 }

    /// Whether nothing is being written and nothing asks to be.
    package var isIdle: Bool { underWay == nil && !isWanted }

    /// The sidecar wants `action` done; returns what is to be done now.
    package mutating func take(_ action: SidecarAction, at now: Timestamp) -> [Step] {
        switch action {
        case .persist(let facts):
            next.facts += facts
            isWanted = true
            return []
        case .audit(let event):
            let entry = Entry(event: event, time: now)
            guard isWanted else { return [.record(entry)] }
            next.entries.append(entry)
            return []
        case .answer(let command, _):
            switch sayings[command] {
            case .report:
                sayings[command] = nil
                return [.perform(action)]
            case .decision where hasFailed:
                sayings[command] = nil
                return [.perform(action)]
            case .decision, .cut, nil: break
            }
            let steps = delay(action)
            if !steps.isEmpty { sayings[command] = nil }
            return steps
        case .answerPeer(_, .redeemed):
            // It says what we have decided.
            return delay(action)
        case .answerPeer(_, .services), .answerPeer(_, .marked), .answerPeer(_, .entries), .answerPeer(_, .refused),
            .answerPeer(_, .done):
            return [.perform(action)]
        case .fail(let command, _):
            sayings[command] = nil
            return [.perform(action)]
        case .redeem, .admit:
            return delay(action)
        case .hubRequest(_, _, let request):
            return request.isPromise ? delay(action) : [.perform(action)]
        case .connect(let peer), .setRelay(let peer, _, _), .peerRequest(_, let peer, _):
            let isBehindAdmission = waiting.contains { $0.action.admittedPeer == peer }
            return isBehindAdmission ? delay(action) : [.perform(action)]
        case .expel(let peer, _):
            return drop(peer) + [.perform(action)]
        case .remember, .admitHub, .dropHub, .trustEnded, .reviewAccess, .work, .openWatch, .clearRelay, .ping,
            .openLocalPort, .readConfiguration, .local, .readAudit, .routed, .endRedemption:
            return [.perform(action)]
        }
    }

    /// The answer of `command` will say this.
    package mutating func note(_ command: CommandID, says saying: Saying) {
        sayings[command] = saying
    }

    /// The write to begin now, if there is one. Its end is told by ``finish(_:)``.
    package mutating func begin() -> Write? {
        guard underWay == nil, isWanted else { return nil }
        let write = next
        underWay = write
        next = Write()
        nextNumber += 1
        isWanted = false
        return write
    }

    /// The write under way is on the disk, or `failure` says why it is not; returns what is to be done now.
    package mutating func finish(_ failure: Problem?) -> [Step] {
        guard let write = underWay.take() else { return [] }
        hasFailed = failure != nil
        let count = waiting.firstIndex { $0.write >= nextNumber } ?? waiting.count
        let released = waiting[..<count].map(\.action)
        waiting.removeFirst(count)
        guard let failure else {
            for case .answer(let command, _) in released { sayings[command] = nil }
            return released.map { .perform($0) }
        }
        next.facts = write.facts + next.facts
        var kept: [Waiting] = []
        var steps: [Step] = []
        for action in released {
            if case .answer(let command, _) = action, sayings[command] == .decision {
                sayings[command] = nil
                steps.append(.perform(action))
            } else if let step = withoutPromise(action, failure) {
                steps.append(step)
            } else {
                kept.append(Waiting(action: action, write: nextNumber))
            }
        }
        waiting = kept + waiting
        return steps
    }

    /// Asks for another try with the facts of a write that failed.
    package mutating func retry() {
        isWanted = isWanted || !next.facts.isEmpty
    }

    /// Lets `action` wait for the write that makes the facts before it durable; without one it is done now.
    private mutating func delay(_ action: SidecarAction) -> [Step] {
        let write: UInt64
        if !next.facts.isEmpty {
            write = nextNumber
        } else if underWay != nil {
            write = nextNumber - 1
        } else {
            return [.perform(action)]
        }
        if waiting.count >= limit, let step = withoutPromise(action, .diskBehind) { return [step] }
        isWanted = isWanted || write == nextNumber
        waiting.append(Waiting(action: action, write: write))
        return []
    }

    /// Forgets what waits for the admission of `peer`.
    private mutating func drop(_ peer: NodeKey) -> [Step] {
        var steps: [Step] = []
        waiting.removeAll { entry in
            switch entry.action {
            case .admit(let admission):
                return admission.key == peer
            case .connect(let other), .setRelay(let other, _, _):
                return other == peer
            case .peerRequest(let id, let other, _):
                if other == peer { steps.append(.peerUnanswered(id)) }
                return other == peer
            case .persist, .audit, .remember, .expel, .admitHub, .dropHub, .trustEnded, .reviewAccess, .hubRequest,
                .work, .openWatch, .redeem, .endRedemption, .answerPeer, .answer, .fail, .clearRelay, .ping,
                .openLocalPort, .readConfiguration, .local, .readAudit, .routed:
                return false
            }
        }
        return steps
    }

    /// What is done in place of an action that promises what could not be stored; nil: it promises nothing to anybody
    /// and can wait longer.
    private mutating func withoutPromise(_ action: SidecarAction, _ failure: Problem) -> Step? {
        switch action {
        case .answer(let command, _):
            // What was cut stays cut while this runs, whatever the disk holds.
            sayings.removeValue(forKey: command) == .cut
                ? .perform(.fail(command, .cutUnstored(failure))) : .perform(.fail(command, failure))
        case .hubRequest(let id, _, _): .hubUnanswered(id)
        case .redeem(let id, _, _): .peerUnanswered(id)
        case .answerPeer(let id, _): .refuse(id)
        case .persist, .audit, .remember, .admit, .expel, .connect, .setRelay, .admitHub, .dropHub, .trustEnded,
            .reviewAccess, .work, .openWatch, .peerRequest, .endRedemption, .fail, .clearRelay, .ping, .openLocalPort,
            .readConfiguration, .local, .readAudit, .routed:
            nil
        }
    }
}

extension SidecarAction {
    /// Whom the action admits, if it does.
    fileprivate var admittedPeer: NodeKey? {
        if case .admit(let admission) = self { admission.key } else { nil }
    }
}

extension HubRequest {
    /// Whether the hub, or somebody through it, is told what a crash must not take back.
    fileprivate var isPromise: Bool {
        switch self {
        case .deposit, .acknowledge, .revoke, .append: true
        case .register, .visit, .deregister, .resolve, .meet, .read, .release, .mark, .recall, .beat, .show, .box:
            false
        }
    }
}
