import PosternModel

/// A system to be run: who takes part, how much happens, and what goes wrong. The seed decides everything else.
package struct SystemPlan: Sendable {
    package let seed: UInt64
    package let scenario: SystemScenario
    /// A program that is broken on purpose, so that a checker has something to find.
    package var flaw: SystemFlaw?
    let sidecarCount: Int
    let hubCount: Int
    /// How long operators, clients and faults are at work.
    let activity: Interval
    let commandCount: Int
    let callCount: Int
    let faultCount: Int

    /// The system of `seed` in `scenario`.
    package init(_ scenario: SystemScenario = .everything, seed: UInt64, flaw: SystemFlaw? = nil) {
        var random = SeededRandom(seed: seed, purpose: .topology)
        self.seed = seed
        self.scenario = scenario
        self.flaw = flaw
        // With a founder, a member, and somebody who is none.
        sidecarCount = scenario == .deceit ? random.number(in: 4...6) : random.number(in: 2...5)
        hubCount = random.number(in: 1...2)
        activity = .seconds(Int64(random.number(in: 60...240)))
        // A network takes more words than a trust until there is something to lie about.
        commandCount = scenario == .deceit ? random.number(in: 40...100) : random.number(in: 10...40)
        callCount = random.number(in: 5...25)
        faultCount = scenario.faults.isEmpty ? 0 : random.number(in: 2...14)
    }
}

/// What goes wrong in a system, by a name.
package enum SystemScenario: String, Sendable, CaseIterable {
    case calm
    case crashes
    case disks
    case network
    case clocks
    case copies
    /// Hubs that lie, under a network and under trust.
    case deceit
    case everything

    /// The kinds of faults, each as likely as the others.
    var faults: [FaultKind] {
        switch self {
        case .calm: []
        case .crashes: [.sidecarCrash, .hubCrash]
        case .disks: [.failingDisk, .sidecarCrash]
        case .network: [.partition, .watchEnd, .hubCrash]
        case .clocks: [.clockStep, .sidecarCrash]
        case .copies: [.oldCopy, .sidecarCrash, .partition]
        case .deceit: [.deceit, .deceit, .deceit, .sidecarCrash, .hubCrash, .partition, .watchEnd]
        case .everything: FaultKind.allCases.filter { $0 != .deceit }
        }
    }
}

/// What can go wrong.
enum FaultKind: CaseIterable {
    case sidecarCrash
    case hubCrash
    case partition
    case failingDisk
    case clockStep
    case watchEnd
    case oldCopy
    case deceit
}

/// What a broken program does wrong. Each is there for one checker, whose test it is.
package enum SystemFlaw: String, Sendable, CaseIterable {
    /// Answers before what it answers for is on the disk.
    case acknowledgesBeforeSync
    /// Forgets what could not be done because the disk failed, instead of doing it later.
    case dropsBehindFailedWrites
    /// Takes no notice of peers' revocations.
    case ignoresRevocations
    /// Lets every trusted peer use every service.
    case ignoresGrants
    /// Leaves the session with a revoked peer as it is.
    case keepsSessions
    /// Has an audit trail that somebody edits.
    case editsAudit
    /// Writes no audit trail.
    case skipsAudit
    /// Takes no notice of what hubs and peers tell it of its own state.
    case ignoresMarks
    /// Answers each command twice.
    case answersTwice
    /// Asks for the event stream again at once, of a hub that ends it whenever it is opened.
    case watchesWithoutPause
    /// Tells agents of another caller than the one who calls.
    case mistakesCallers
    /// Leaves calls in its gateway whose session is over.
    case keepsCalls
    /// Says nothing of a network that has two histories.
    case hidesForks
}
