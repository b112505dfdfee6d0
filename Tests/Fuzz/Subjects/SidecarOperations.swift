import HubProtocol
import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TrustCore

/// A sidecar among a lying hub, lying peers, an operator of many whims and a clock that jumps. It comes to rest,
/// answers no command twice, admits only whom its book knows, and what its journal holds is what it knows.
enum SidecarOperations {
    static func receive(_ bytes: [UInt8]) {
        var choices = Choices(bytes)
        guard var world = SidecarUnderFire() else { preconditionFailure("the keys are valid") }
        while !choices.isEmpty { world.step(&choices) }
        world.restart()
    }
}

private struct SidecarUnderFire {
    private let identity: NodeIdentity
    private let peers: [NodeIdentity]
    private let hub: HubURL
    private var sidecar: Sidecar
    private var now = Clocks(wall: Timestamp(seconds: 1_795_000_000), instant: Instant(nanoseconds: 0))
    private var journal: [ArraySlice<UInt8>] = []
    private var answered: Set<CommandID> = []
    private var hubQuestions: [SidecarRequestID] = []
    private var peerQuestions: [SidecarRequestID] = []
    private var requests: [RecordID] = []
    private var invitations: [Invitation] = []
    private var lastCommand: UInt64 = 0
    private let random = RandomSource(seed: Array(repeating: 9, count: 32))

    init?() {
        let all = (1...4 as ClosedRange<UInt8>).compactMap { try? NodeIdentity(seed: Array(repeating: $0, count: 32)) }
        guard all.count == 4, let hub = HubURL(.loopback(4_600), key: all[3].key) else { return nil }
        identity = all[0]
        peers = Array(all[1...2])
        self.hub = hub
        sidecar = Self.sidecar(all[0], hub, facts: [])
        perform(sidecar.start(at: now))
    }

    private static func sidecar(_ identity: NodeIdentity, _ hub: HubURL, facts: [TrustFact]) -> Sidecar {
        Sidecar(
            identity: identity,
            profile: SidecarProfile(name: "me", hubs: [hub], exposed: [], advertised: []),
            facts: facts,
            random: RandomSource(seed: Array(repeating: 7, count: 32))
        )
    }

    mutating func step(_ choices: inout Choices) {
        let peer = choices.pick(peers)
        switch choices.byte() % 10 {
        case 0: perform(sidecar.hubSession(hub.key, isUp: choices.byte() % 2 == 0, at: now))
        case 1: perform(sidecar.peerSession(peer.key, isUp: choices.byte() % 2 == 0, at: now))
        case 2: perform(sidecar.receive(event(by: peer, &choices), from: hub.key, at: now))
        case 3: answerHub(&choices)
        case 4: answerPeer(&choices)
        case 5:
            let requests: [PeerRequest] = [
                .services, .redeem(claim: box(by: peer, &choices)), .mark(mark(of: peer, &choices)),
            ]
            let request = choices.pick(requests)
            perform(sidecar.receive(request, id: PeerRequestID(1), from: peer.key, at: now))
        case 6: pass(&choices)
        case 7: restart()
        default: operate(on: peer, &choices)
        }
    }

    private mutating func pass(_ choices: inout Choices) {
        let span = Interval.seconds(Int64(choices.byte()) * (choices.byte() % 2 == 0 ? 1 : 3_600))
        now.instant = now.instant + span
        // The wall clock may stand, or go back.
        switch choices.byte() % 8 {
        case 0: break
        case 1: now.wall = now.wall + Interval(nanoseconds: -span.nanoseconds)
        default: now.wall = now.wall + span
        }
        perform(sidecar.advance(to: now))
    }

    private mutating func operate(on peer: NodeIdentity, _ choices: inout Choices) {
        switch choices.byte() % 8 {
        case 7: command(RecoverTrust(confirm: choices.byte() % 2 == 0))
        case 0: command(RequestTrust(peer: .peer(PeerName(peer.key)), note: "please"))
        case 1: command(ApproveRequest(id: requests.isEmpty ? peer.key.did : choices.pick(requests).description))
        case 2: command(RejectRequest(id: requests.isEmpty ? peer.key.did : choices.pick(requests).description))
        case 3: command(RevokeTrust(peer: PeerName(peer.key)))
        case 4: command(CreateInvitation(uses: Int(choices.byte()), expiresMs: Int64(choices.byte()) * 10_000))
        case 5:
            guard let secret = InvitationSecret(bytes: Array(repeating: choices.byte(), count: 32)) else { return }
            let invitation = Invitation(
                inviter: peer.key,
                name: "peer",
                hubs: [hub],
                candidates: [],
                services: .all,
                expires: now.wall + .seconds(3_600),
                secret: secret
            )
            command(JoinInvitation(invitation: invitation))
        default: command(ListTrust())
        }
    }

    private mutating func command(_ operation: some Operation) {
        lastCommand += 1
        perform(sidecar.perform(operation, id: CommandID(lastCommand), at: now, seeing: Blind()))
    }

    private mutating func event(by peer: NodeIdentity, _ choices: inout Choices) -> HubEvent {
        switch choices.byte() % 4 {
        case 0: return .ready
        case 1: return .channel(RelayChannel(UInt32(choices.byte() % 4)), peer: peer.key)
        case 2: return .closed(RelayChannel(UInt32(choices.byte() % 4)))
        default:
            let sealed = box(by: peer, &choices)
            let origin = MailOrigin(UInt64(choices.byte()))
            let mailClass: MailClass = choices.byte() % 2 == 0 ? .known : .stranger(from: origin)
            return .mail(id: RecordID(ofBytes: sealed), sealed: sealed, as: mailClass)
        }
    }

    /// A letter of `peer`, true to the format and to nothing else.
    private mutating func box(by peer: NodeIdentity, _ choices: inout Choices) -> [UInt8] {
        let lifetime = Interval.seconds(Int64(choices.byte()) * 60)
        let grant = Grant(
            from: peer,
            to: identity.key,
            services: .all,
            issued: now.wall,
            expires: now.wall + lifetime
        )
        let mail: Mail
        switch choices.byte() % 3 {
        case 0:
            mail = .revocation(Revocation(from: peer, to: identity.key, issued: now.wall))
        case 1 where !invitations.isEmpty:
            let invitation = choices.pick(invitations)
            mail = .claim(
                InvitationClaim(from: peer, invitation: invitation, name: "peer", grant: grant, hubs: [hub])
            )
        default:
            let terms = TrustRequest.Terms(
                name: "peer",
                note: "",
                services: .all,
                hubs: [hub],
                issued: now.wall,
                expires: now.wall + lifetime,
                nonce: Array(repeating: choices.byte(), count: 16)
            )
            mail = .request(TrustRequest(from: peer, terms: terms, grant: grant))
        }
        return (try? mail.sealed(using: random)) ?? []
    }

    /// Some mark of `node`; of our own, one that may be ahead of the journal.
    private func mark(of node: NodeIdentity, _ choices: inout Choices) -> StateMark {
        StateMark(of: node, at: ChainHead(sequence: Int64(choices.byte()), hash: ChainHead.empty.hash))
    }

    private mutating func answerHub(_ choices: inout Choices) {
        guard !hubQuestions.isEmpty else { return }
        let id = hubQuestions.remove(at: choices.number(below: hubQuestions.count))
        let ended = Revocation(from: identity, to: choices.pick(peers).key, issued: now.wall.inMilliseconds)
        let answers: [HubAnswer?] = [
            .done, .offline, .online(RelayChannel(UInt32(choices.byte() % 4))), .refused(.overLimit), nil,
            .registered(identity.key, identity.key.personalAddress, at: now.wall, mark: mark(of: identity, &choices)),
            .revocations([ended]), .revocations([]),
        ]
        perform(sidecar.hubAnswered(id, choices.pick(answers), at: now))
    }

    private mutating func answerPeer(_ choices: inout Choices) {
        guard !peerQuestions.isEmpty else { return }
        let id = peerQuestions.remove(at: choices.number(below: peerQuestions.count))
        let answers: [PeerAnswer?] = [.services([]), .marked(mark(of: identity, &choices)), .refused, nil]
        perform(sidecar.peerAnswered(id, choices.pick(answers), at: now))
    }

    /// Ends the process, and begins another one with what the journal holds.
    mutating func restart() {
        let before = sidecar.trustList(at: now.wall, seeing: Blind())
        guard let facts = try? TrustJournal.facts(in: journal) else { preconditionFailure("our own journal is whole") }
        sidecar = Self.sidecar(identity, hub, facts: facts)
        precondition(
            sidecar.trustList(at: now.wall, seeing: Blind()).trusted == before.trusted,
            "what was decided stands"
        )
        hubQuestions = []
        peerQuestions = []
        perform(sidecar.start(at: now))
    }

    private mutating func perform(_ actions: [SidecarAction]) {
        precondition(actions.count < 1_000, "a sidecar comes to rest")
        var written: Int64 = 0
        for action in actions {
            switch action {
            case .persist(let facts):
                journal.append(TrustJournal.content(facts)[...])
                written += 1
            case .admit(let admission):
                precondition(admission.isGuest || sidecar.isTrusted(admission.key, at: now), "a peer is trusted")
            case .hubRequest(let id, _, _): hubQuestions.append(id)
            case .peerRequest(let id, _, _), .redeem(let id, _, _): peerQuestions.append(id)
            case .answer(let id, let answer):
                precondition(answered.insert(id).inserted, "a command has one answer")
                if let made = answer.as(CreateInvitation.Answer.self) { invitations.append(made.invitation) }
                if let list = answer.as(TrustListDocument.self) { requests += list.pending.map(\.id) }
            case .fail(let id, _): precondition(answered.insert(id).inserted, "a command has one answer")
            default: break
            }
        }
        guard written > 0 else { return }
        let end = ChainHead(sequence: Int64(journal.count), hash: ChainHead.empty.hash)
        perform(sidecar.journaled(end, at: now))
    }
}

/// A shell that has nothing to show.
private struct Blind: SidecarView {
    var version: String { "fuzz" }
    var uptime: Interval { .zero }
    var boundAddresses: [Endpoint] { [] }
    var translation: StatusDocument.NAT { StatusDocument.NAT(mapping: nil, filtering: nil, portMapping: nil) }
    var localPorts: [LocalPort] { [] }
    var unstoredCount: Int { 0 }
    var configuration: StatusDocument.Configuration { .init(file: nil, since: Timestamp(seconds: 0)) }

    func session(with peer: NodeKey) -> PeerStatus? { nil }
    func upstream(of name: ServiceName) -> UpstreamStatus { UpstreamStatus("") }
    func activeStreams(of name: ServiceName) -> Int { 0 }
    func allows(_ method: String, of name: ServiceName) -> Bool? { nil }
}
