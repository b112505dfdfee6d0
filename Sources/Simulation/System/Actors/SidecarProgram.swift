import OverlayCrypto
import PosternModel
import SidecarCore
import TrustCore

/// A sidecar with its state directory: the real ``SidecarCore/Sidecar``, driven as the shell drives it.
struct SidecarProgram {
    /// What there is while it runs.
    struct Life {
        var sidecar: Sidecar
        var gate = CommitGate()
        /// The write under way.
        var write: CommitGate.Write?
        /// Whether facts that could not be written are to be tried again.
        var isRetryDue = false
        /// Promises that were not made yet.
        fileprivate(set) var promises: [Promise] = []
        /// Commands whose answers promise nothing.
        fileprivate(set) var reports: Set<CommandID> = []
        var admitted: [NodeKey: PeerAdmission] = [:]
        var hubs: Set<NodeKey> = []
        var relays: [NodeKey: [NodeKey: RelayEnd]] = [:]
        /// Sessions being started.
        var connecting: Set<ProgramID> = []
        /// Questions without an answer.
        var questions: [SidecarRequestID: Question] = [:]
        var watches: [ProgramID: WatchNumber] = [:]
        /// Who asked on the control port.
        var askers: [PeerRequestID: Asker] = [:]
        var lastAsker: UInt64 = 0
        /// The timer that counts.
        var timer = 0
    }

    /// A question on a stream of its own.
    struct Question {
        /// Who is asked.
        enum Addressee {
            case hub
            case peer
        }

        let addressee: Addressee
        /// Nil when it takes another way than a session.
        let target: ProgramID?
        /// What is sent once there is a session.
        var unsent: MessageContent?
    }

    /// Whom an answer on the control port is for.
    enum Asker {
        case peer(ProgramID, SessionNumber, SidecarRequestID)
        /// The guest of an invitation, with the key of its session.
        case guest(Int, LifeNumber, SidecarRequestID, NodeKey)
    }

    let number: Int
    let identity: NodeIdentity
    var profile: SidecarProfile
    var clock: HostClock
    private(set) var journal: SimulatedJournal
    var audit: SimulatedAudit
    private var cache: JSONValue = nil
    var isDiskFailing = false
    var settings = SidecarSettings.defaults
    /// Nil while it does not run.
    var life: Life?
    private(set) var lifeNumber = LifeNumber()
    /// All facts that were to be made durable, in their order.
    private(set) var facts: [TrustFact] = []
    /// How many of them somebody was told of.
    private(set) var promisedCount = 0
    /// How many entries of the audit trail must be there after a start.
    private var auditedCount: Int64 = 0
    /// A copy of its state directory that somebody has made.
    private var copy: Copy?
    /// The ends that its journal had, of all its lives, the latest last.
    private(set) var ends: [ChainHead] = []

    init(number: Int, identity: NodeIdentity, profile: SidecarProfile, clock: HostClock) {
        self.number = number
        self.identity = identity
        self.profile = profile
        self.clock = clock
        journal = SimulatedJournal(of: identity)
        audit = SimulatedAudit(of: identity)
    }

    var key: NodeKey { identity.key }
    var id: ProgramID { .sidecar(number) }

    /// What its clocks show at `time` of the world.
    func clocks(at time: Instant) -> Clocks {
        Clocks(wall: Timestamp(nanoseconds: Int64(clock.wall(time))), instant: clock.local(time))
    }

    /// Starts it from what its disk holds; throws what a checker has to report.
    mutating func start(random: RandomSource) throws(StartFault) {
        let found: [TrustFact]
        do { found = try journal.open() } catch { throw .journal(error) }
        guard found.count >= promisedCount, found.prefix(promisedCount) == facts.prefix(promisedCount)
        else { throw .lostFacts(found: found.count, promised: promisedCount) }
        facts = found
        promisedCount = found.count
        do { try audit.open() } catch { throw .audit(error) }
        guard audit.count >= auditedCount else { throw .lostEntries(found: audit.count, expected: auditedCount) }
        lifeNumber.rawValue += 1
        let sidecar = Sidecar(
            identity: identity,
            profile: profile,
            facts: found,
            journal: journal.head,
            past: journal.past,
            memory: cache,
            random: random,
            settings: settings
        )
        life = Life(sidecar: sidecar)
        ends.append(journal.head)
    }

    /// Ends it without a word; what survives `crash` is left on its disk.
    mutating func end(_ crash: SimulatedFile.Crash, _ random: inout SeededRandom) {
        // The line that is being written reaches the file, whole or not.
        journal.survive(crash, writing: life?.write?.facts, &random)
        auditedCount = audit.survive(crash, &random)
        life = nil
    }

    /// What is copied of a state directory.
    private struct Copy {
        let journal: SimulatedJournal
        let audit: SimulatedAudit
        let cache: JSONValue
    }

    /// Somebody copies its state directory.
    mutating func makeCopy() { copy = Copy(journal: journal, audit: audit, cache: cache) }

    /// Somebody puts the copy in the place of its state directory, while it does not run. Returns the ends that the
    /// journal had between the two; nil: there is no copy.
    mutating func restoreCopy() -> [ChainHead]? {
        guard life == nil, let copy = copy.take() else { return nil }
        let lost = ends.reversed().prefix { $0 != copy.journal.head }
        (journal, audit, cache) = (copy.journal, copy.audit, copy.cache)
        (promisedCount, auditedCount) = (0, 0)
        return Array(lost)
    }

    /// The answer of `command` will say this.
    mutating func note(_ command: CommandID, says saying: CommitGate.Saying) {
        life?.gate.note(command, says: saying)
        if saying == .report { life?.reports.insert(command) }
    }

    /// Gives the core an input. Returns what is to be done now, in order.
    mutating func take(
        _ input: (inout Sidecar, Clocks) -> [SidecarAction],
        at now: Instant,
        flaw: SystemFlaw?
    ) -> [CommitGate.Step] {
        guard var life = life.take() else { return [] }
        let clocks = clocks(at: now)
        var steps: [CommitGate.Step] = []
        for action in input(&life.sidecar, clocks) {
            if case .persist(let more) = action {
                facts += more
                _ = life.gate.take(action, at: clocks.wall)
                continue
            }
            if life.isPromise(action) { life.promises.append(Promise(action: action, factCount: facts.count)) }
            if flaw == .acknowledgesBeforeSync {
                // A gate that knows of no facts lets everything through.
                var open = CommitGate()
                steps += open.take(action, at: clocks.wall)
            } else {
                steps += life.gate.take(action, at: clocks.wall)
            }
        }
        self.life = life
        return kept(steps)
    }

    /// Begins to write what waits for the disk. Returns whether something does.
    mutating func beginWrite() -> Bool {
        guard let write = life?.gate.begin() else { return false }
        life?.write = write
        return true
    }

    /// The write is over: its facts are durable, or the disk failed, and its entries are recorded. Returns what is to
    /// be done now, and whether another try is to be scheduled.
    mutating func endWrite(flaw: SystemFlaw?) -> (steps: [CommitGate.Step], needsRetry: Bool) {
        guard var life, let write = life.write else { return ([], false) }
        let needsRetry = isDiskFailing && !life.isRetryDue
        life.isRetryDue = life.isRetryDue || isDiskFailing
        journal.append(write.facts, isDiskFailing: isDiskFailing)
        ends.append(journal.head)
        life.write = nil
        let problem = Problem(code: "state-unusable", message: "the disk failed", hint: "mend it")
        var steps = life.gate.finish(isDiskFailing ? problem : nil)
        if isDiskFailing, flaw == .dropsBehindFailedWrites { steps.removeAll(where: \.isUnanswered) }
        self.life = life
        return (write.entries.map { .record($0) } + kept(steps), needsRetry)
    }

    /// The time of another try has come.
    mutating func retryWrite() {
        life?.isRetryDue = false
        life?.gate.retry()
    }

    /// Replaces the journal by a shorter one that says the same; nothing waits for the disk now.
    mutating func compact(at now: Instant) {
        guard let sidecar = life?.sidecar else { return }
        facts = sidecar.compactedFacts(at: clocks(at: now).wall)
        promisedCount = facts.count
        journal.compact(to: facts)
        ends.append(journal.head)
    }

    /// What is known of peers for convenience is written; it need not survive.
    mutating func remember() {
        if !isDiskFailing, let document = life?.sidecar.memoryDocument { cache = document }
    }

    /// Notes which promises `steps` make.
    private mutating func kept(_ steps: [CommitGate.Step]) -> [CommitGate.Step] {
        for case .perform(let action) in steps {
            guard let index = life?.promises.firstIndex(where: { $0.action == action }),
                let promise = life?.promises.remove(at: index)
            else { continue }
            promisedCount = max(promisedCount, promise.factCount)
        }
        return steps
    }
}

extension SidecarProgram.Life {
    fileprivate func isPromise(_ action: SidecarAction) -> Bool {
        if case .answer(let command, _) = action, reports.contains(command) { return false }
        return action.isPromise
    }
}

extension CommitGate.Step {
    /// Whether it tells the core that a request was not made.
    fileprivate var isUnanswered: Bool {
        switch self {
        case .hubUnanswered, .peerUnanswered: true
        case .perform, .record, .refuse: false
        }
    }
}

/// Why a program does not start from what a crash has left.
enum StartFault: Error {
    case journal(JournalFault)
    case audit(AuditFault)
    /// Facts that somebody was told of are not in the journal.
    case lostFacts(found: Int, promised: Int)
    /// Entries of the audit trail that had to survive did not.
    case lostEntries(found: Int64, expected: Int64)
    /// What a hub answered is not in its store.
    case lostRow(String)

    /// The promise that is broken.
    var invariant: SystemInvariant {
        switch self {
        case .journal, .lostFacts, .lostRow: .durability
        case .audit, .lostEntries: .audit
        }
    }
}

extension StartFault: CustomStringConvertible {
    var description: String {
        switch self {
        case .journal(let error): "the journal cannot be read: \(error)"
        case .audit(let fault): "the audit trail is broken at \(fault)"
        case .lostFacts(let found, let promised): "\(promised) facts were promised, the journal has \(found) of them"
        case .lostEntries(let found, let expected): "\(expected) audit entries had to survive, \(found) did"
        case .lostRow(let row): "the hub's store has lost \(row)"
        }
    }
}
