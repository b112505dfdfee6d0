package import OverlayCore
package import OverlayWire
package import PosternModel

/// One thing that a program can ask of a sidecar: its properties are the parameters, and the type travels as it is from
/// the command line to the core. The HTTP API and its OpenAPI document follow from the table of all operations.
///
/// To add one: declare it with what it answers and ``perform(on:id:at:seeing:)``, put it into ``Operations/all``, and
/// give it words on the command line.
package protocol Operation: Codable, Hashable, Sendable {
    /// What it answers, as other programs read it (INTERFACE).
    associatedtype Answer: Codable, Hashable, Sendable

    /// How it is called over HTTP, and what it does.
    static var outline: OperationOutline { get }

    /// Does it; the answer or failure for `id` is among the actions, now or later. Throws what is wrong with the
    /// parameters, or why it cannot be done; nothing has changed then.
    func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction]

    /// Whether it is not even begun while nothing can be stored.
    func needsRoom(in sidecar: Sidecar, at now: Clocks) -> Bool
}

extension Operation {
    package func needsRoom(in sidecar: Sidecar, at now: Clocks) -> Bool { Self.outline.needsRoom }
}

/// How an operation is called over HTTP, and what it does.
package struct OperationOutline: Hashable, Sendable {
    /// Behind `/api/v1/`.
    package let path: String
    /// One sentence.
    package let summary: String
    /// What it does to the sidecar.
    package let effect: Effect

    /// What an operation does to the sidecar.
    package enum Effect: Hashable, Sendable {
        /// Nothing; it tells how things are now, and promises nothing.
        case reports
        /// Nothing; it tells what was decided, which has to be on the disk by then.
        case reads
        /// It changes something.
        case changes
        /// It takes something away, which holds at once whatever the disk does.
        case withdraws
        /// It does something that nothing stored is changed by, and that is over with the process.
        case acts
        /// It gives trust, or promises to: nothing that a state may do that is older than its node (RULES N19).
        case trusts
    }

    /// Whether it changes anything; one that does not is a GET.
    package var changesState: Bool {
        switch effect {
        case .reports, .reads: false
        case .acts, .changes, .withdraws, .trusts: true
        }
    }

    /// What its answer says, when that is not that something was stored.
    ///
    /// - Parameter cuts: whether it is done also where nothing can be stored.
    package func saying(cuts: Bool) -> CommitGate.Saying? {
        switch effect {
        case .reports: .report
        case .reads: .decision
        case .withdraws: .cut
        case .changes, .trusts: cuts ? .cut : nil
        case .acts: nil
        }
    }

    /// Whether it is not even begun while nothing can be stored, unless the operation knows better.
    package var needsRoom: Bool {
        switch effect {
        case .reports, .reads, .acts, .withdraws: false
        case .changes, .trusts: true
        }
    }

    static func reporting(_ path: String, _ summary: String) -> OperationOutline {
        OperationOutline(path: path, summary: summary, effect: .reports)
    }

    static func reading(_ path: String, _ summary: String) -> OperationOutline {
        OperationOutline(path: path, summary: summary, effect: .reads)
    }

    static func acting(_ path: String, _ summary: String) -> OperationOutline {
        OperationOutline(path: path, summary: summary, effect: .acts)
    }

    static func trusting(_ path: String, _ summary: String) -> OperationOutline {
        OperationOutline(path: path, summary: summary, effect: .trusts)
    }

    static func withdrawing(_ path: String, _ summary: String) -> OperationOutline {
        OperationOutline(path: path, summary: summary, effect: .withdraws)
    }

    static func changing(_ path: String, _ summary: String) -> OperationOutline {
        OperationOutline(path: path, summary: summary, effect: .changes)
    }
}

/// The table of operations.
package enum Operations {
    package static let all: [any Operation.Type] = [
        ShowStatus.self, ReadConfiguration.self, ListPeers.self, ListServices.self, ListTrust.self, ListAudit.self,
        RequestTrust.self, ApproveRequest.self, RejectRequest.self, WithdrawRequest.self,
        SetTrust.self, RevokeTrust.self, NamePeer.self, RecoverTrust.self,
        CreateInvitation.self, ListInvitations.self, RevokeInvitation.self, JoinInvitation.self,
        CreateContact.self, ListContacts.self, RevokeContact.self, BlockPeer.self, ExplainAccess.self,
        CreateNetwork.self, ListNetworks.self, ShowNetwork.self, InviteToNetwork.self, JoinNetwork.self,
        LeaveNetwork.self, RemoveMember.self, SetRole.self, TransferNetwork.self, SetGroup.self, NameMember.self,
        SetPolicy.self, AddMember.self, AcceptNetwork.self, HealNetwork.self,
        AddAuthority.self, RemoveAuthority.self, EnterNetwork.self,
        PublishServices.self, FindServices.self,
        PingPeer.self, ConnectPeer.self, OpenLocalPort.self, CloseLocalPort.self,
        ListStreams.self, CutStream.self, ShowTraffic.self, ShowLog.self,
    ]
}

/// What the sidecar's shell sees and the core does not, for documents.
package protocol SidecarView {
    /// Of the program.
    var version: String { get }
    /// Time since the start.
    var uptime: Interval { get }
    /// Where the underlay listens.
    var boundAddresses: [Endpoint] { get }
    /// What is known of the address translation in front of this host.
    var translation: StatusDocument.NAT { get }
    /// The services of peers that are offered to local clients.
    var localPorts: [LocalPort] { get }

    /// Decisions that the disk has not taken.
    var unstoredCount: Int { get }
    /// Which configuration is in use.
    var configuration: StatusDocument.Configuration { get }

    /// The session with a peer or hub; nil when the overlay does not know it.
    func session(with peer: NodeKey) -> PeerStatus?

    /// How the agent behind the exposed service `name` is reached.
    func upstream(of name: ServiceName) -> UpstreamStatus

    /// Streams of peers that the exposed service `name` serves now.
    func activeStreams(of name: ServiceName) -> Int

    /// Whether the rules of the exposed service `name` let peers call `method`, written `METHOD` or `METHOD:NAME`; nil:
    /// it has no rules.
    func allows(_ method: String, of name: ServiceName) -> Bool?

    /// The connections through the gateway, the oldest first.
    var streams: [StreamDocument] { get }
    /// What services carried in the last hour.
    var traffic: [TrafficDocument] { get }
    /// The last lines of the log.
    var logTail: [String] { get }
}

// A sidecar without a gateway carries nothing.
extension SidecarView {
    package var streams: [StreamDocument] { [] }
    package var traffic: [TrafficDocument] { [] }
    package var logTail: [String] { [] }
}

/// What the way between a sidecar and a program on its side is like (RULES L).
package enum Leg: String, Codable, Hashable, Sendable, CaseIterable, WordList {
    /// It does not leave the host.
    case local
    /// It leaves the host, encrypted.
    case tls
    /// It leaves the host as it is, because the configuration says so.
    case insecure
}

/// How the agent behind an exposed service is reached.
package struct UpstreamStatus: Hashable, Sendable {
    /// As the configuration has it.
    package let text: String
    package let leg: Leg
    /// Why it could not be reached the last time; nil: it could, or nobody tried.
    package let problem: String?

    package init(_ text: String, leg: Leg = .local, problem: String? = nil) {
        self.text = text
        self.leg = leg
        self.problem = problem
    }
}

/// A service of a peer that is offered to local clients.
package struct LocalPort: Hashable, Sendable {
    package let peer: PeerName
    package let target: ServiceTarget
    package let listen: HostPort
    /// Whether clients on other machines are served.
    package let isOpenToNetwork: Bool
    /// Why it is not offered at present; nil: it is.
    package let problem: String?
    /// What the last client was told in the place of an answer; nil: it got one, or there was none.
    package let trouble: Trouble?

    /// What keeps clients from a service that is offered to them.
    package enum Trouble: Hashable, Sendable {
        /// Its peer did not answer.
        case peerAway(since: Timestamp)
        /// What the agent behind the peer's sidecar does.
        case agent(String, since: Timestamp)
    }

    package init(
        peer: PeerName,
        target: ServiceTarget,
        listen: HostPort,
        isOpenToNetwork: Bool = false,
        problem: String? = nil,
        trouble: Trouble? = nil
    ) {
        self.peer = peer
        self.target = target
        self.listen = listen
        self.isOpenToNetwork = isOpenToNetwork
        self.problem = problem
        self.trouble = trouble
    }
}

/// The answer to a command, of whatever type its operation has.
package struct CommandAnswer: Hashable, Sendable {
    private let value: any Codable & Hashable & Sendable

    package init(_ value: some Codable & Hashable & Sendable) {
        self.value = value
    }

    /// The answer as the type that the operation promises; nil when it is another.
    package func `as`<Answer>(_ type: Answer.Type) -> Answer? { value as? Answer }

    package static func == (lhs: CommandAnswer, rhs: CommandAnswer) -> Bool {
        AnyHashable(lhs.value) == AnyHashable(rhs.value)
    }

    package func hash(into hasher: inout Hasher) { AnyHashable(value).hash(into: &hasher) }
}

extension SidecarAction {
    /// Answers a command.
    static func answer(_ id: CommandID, _ value: some Codable & Hashable & Sendable) -> SidecarAction {
        .answer(id, CommandAnswer(value))
    }
}
