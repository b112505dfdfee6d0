import HubCore
import HubProtocol
import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import Testing
import TrustCore

let hubIdentity = try! NodeIdentity(seed: Array(repeating: 250, count: 32))

/// Sidecars and a hub without any input or output: actions of one are inputs of another, at once and in order.
///
/// Two sidecars have a session when both have admitted the other with the same secret, and one of them tries.
struct World {
    struct Node {
        var sidecar: Sidecar
        var identity: NodeIdentity
        /// How its key has changed, or which comes next.
        var records: NodeChain?
        var profile: SidecarProfile
        /// Which key comes after its own.
        var commitment: KeyCommitment?
        var journal: [[UInt8]] = []
        var admitted: [NodeKey: PreSharedKey] = [:]
        /// With which keys it meets those that it has admitted.
        var handshakeKeys: [NodeKey: NodeKey] = [:]
        var guests: Set<NodeKey> = []
        /// The hubs that the overlay may talk to.
        var hubs: Set<NodeKey> = []
        /// Hubs that were tried, in order.
        var tried: [NodeKey] = []
        var sessions: Set<NodeKey> = []
        var relays: [NodeKey: RelayChannel] = [:]
        var answers: [CommandID: CommandAnswer] = [:]
        var routes: [RouteID: Route] = [:]
        var failures: [CommandID: Problem] = [:]
        var peerAnswers: [PeerAnswer] = []
        var events: [AuditEvent] = []
        var ended: [NodeKey] = []
        /// How often access was decided anew.
        var reviews = 0
        /// What was persisted when each command was answered.
        var journalAtAnswer: [CommandID: [[UInt8]]] = [:]
        var isRunning = true
    }

    var nodes: [NodeKey: Node] = [:]
    var hub: Hub
    var hubStore = MemoryHubStore()
    /// What an evil hub shows to some: another registry, under the same key.
    var otherFace: (hub: Hub, store: MemoryHubStore)?
    /// Those to whom it shows that.
    var deceived: Set<NodeKey> = []
    /// How many bridges the hub has opened and not closed.
    var bridgeCount = 0
    let hubURL: HubURL
    var isHubUp = true
    /// Whether the hub has no room for entries of networks.
    var isHubFull = false
    var hubSessions: Set<NodeKey> = []
    var now = Clocks(wall: Timestamp(seconds: 1_795_000_000), instant: Instant(nanoseconds: 0))
    /// Whether sidecars hear how far their journals have come.
    var hasMarks = false
    /// How many marks sidecars have left with hubs and peers.
    private(set) var marksLeft = 0
    /// How far behind the others the clocks of some nodes are.
    var clockLag: [NodeKey: Interval] = [:]
    /// Everything that hubs were told to push, for replays.
    var mailSeen: [(NodeKey, HubEvent)] = []
    private var lastCommand: UInt64 = 0
    private var lastHubRequest: UInt64 = 0
    private var queue: [(NodeKey, SidecarAction)] = []
    private var isDraining = false

    init() {
        hubURL = HubURL(.loopback(4_600), key: hubIdentity.key)!
        var settings = HubSettings.defaults
        settings.strangerPrice = StrangerPrice(least: 2, most: 4)
        hub = Hub(identity: hubIdentity, settings: settings)
    }

    @discardableResult
    mutating func add(
        _ number: UInt8,
        _ name: String,
        withHub: Bool = true,
        exposed: [ExposedRule] = [],
        advertised: [Endpoint] = [],
        commitment: KeyCommitment? = nil
    ) -> NodeKey {
        let identity = try! NodeIdentity(seed: Array(repeating: number, count: 32))
        let hubs = withHub ? [hubURL] : []
        let profile = SidecarProfile(name: name, hubs: hubs, exposed: exposed, advertised: advertised)
        let random = RandomSource(seed: Array(repeating: number, count: 32))
        let sidecar = Sidecar(identity: identity, commitment: commitment, profile: profile, random: random)
        nodes[identity.key] = Node(sidecar: sidecar, identity: identity, profile: profile, commitment: commitment)
        start(identity.key)
        return identity.key
    }

    mutating func start(_ key: NodeKey) {
        input(key) { $0.start(at: $1) }
    }

    /// The process ends without a word and comes back with what its journal holds.
    mutating func restart(_ key: NodeKey, journal: [[UInt8]]? = nil) {
        guard let node = nodes[key] else { return }
        disconnectAll(key)
        let lines = journal ?? node.journal
        let facts = try! TrustJournal.facts(in: lines.map { $0[...] })
        nodes[key]?.journal = lines
        let heads = hasMarks ? heads(of: key) : []
        let random = RandomSource(seed: Array(key.bytes.reversed()))
        let memory = node.sidecar.memoryDocument
        let sidecar = Sidecar(
            identity: node.identity,
            commitment: node.commitment,
            records: node.records,
            profile: node.profile,
            facts: facts,
            journal: heads.last ?? .empty,
            past: Array(heads.dropLast()),
            memory: memory,
            random: random
        )
        var fresh = Node(
            sidecar: sidecar,
            identity: node.identity,
            records: node.records,
            profile: node.profile,
            commitment: node.commitment
        )
        fresh.journal = lines
        nodes[key] = fresh
        start(key)
    }

    /// The ends that the journal of a node has had.
    func heads(of key: NodeKey) -> [ChainHead] {
        guard let node = nodes[key] else { return [] }
        var chain = JournalChain(key: ChainKey(of: node.identity, for: .journal))
        return node.journal.map { line in
            let facts = try! TrustJournal.facts(in: [line[...]])
            _ = chain.append(line, minimum: TrustJournal.minimum(for: facts))
            return chain.head
        }
    }

    private mutating func disconnectAll(_ key: NodeKey) {
        for peer in nodes[key]?.sessions ?? [] { endSession(key, peer) }
        hubDown(key)
    }

    mutating func hubDown(_ key: NodeKey) {
        guard hubSessions.remove(key) != nil else { return }
        process(.watchClosed(by: sessionKey(key), at: now.wall))
        let hubKey = hubURL.key
        input(key) { $0.hubSession(hubKey, isUp: false, at: $1) }
    }

    /// Begins an operation; its answer is in `answers` or `failures`.
    @discardableResult
    mutating func perform(_ operation: some Operation, at key: NodeKey) -> CommandID {
        lastCommand += 1
        let id = CommandID(lastCommand)
        input(key) { $0.perform(operation, id: id, at: $1, seeing: Unseen()) }
        return id
    }

    /// The answer of an operation that is expected to be done.
    mutating func answer<Asked: Operation>(_ operation: Asked, at key: NodeKey) throws -> Asked.Answer {
        let id = perform(operation, at: key)
        let answer = nodes[key]?.answers[id]?.as(Asked.Answer.self)
        return try #require(answer, "\(String(describing: nodes[key]?.failures[id]))")
    }

    mutating func failure(_ operation: some Operation, at key: NodeKey) -> Problem? {
        let id = perform(operation, at: key)
        return nodes[key]?.failures[id]
    }

    /// Time passes, and every sidecar does what becomes due on the way.
    mutating func pass(_ seconds: Int64) {
        for _ in 0..<max(seconds, 1) {
            now.wall = now.wall + .seconds(1)
            now.instant = now.instant + .seconds(1)
            for key in nodes.keys.sorted(by: { $0.did < $1.did }) {
                guard let due = nodes[key]?.sidecar.nextDeadline(at: now), due <= now.instant else { continue }
                input(key) { $0.advance(to: $1) }
            }
        }
    }

    /// A long time passes in which nothing is due but at its end.
    mutating func jump(_ interval: Interval) {
        now.wall = now.wall + interval
        now.instant = now.instant + interval
        pass(1)
    }

    /// Feeds one input to a sidecar and does everything that follows.
    mutating func input(_ key: NodeKey, _ body: (inout Sidecar, Clocks) -> [SidecarAction]) {
        guard var node = nodes[key], node.isRunning else { return }
        var now = now
        if let lag = clockLag[key] { now.wall = now.wall + Interval(nanoseconds: -lag.nanoseconds) }
        let actions = body(&node.sidecar, now)
        nodes[key] = node
        queue += actions.map { (key, $0) }
        guard !isDraining else { return }
        isDraining = true
        var steps = 0
        while !queue.isEmpty {
            steps += 1
            precondition(steps < 10_000, "sidecars must come to rest")
            let (owner, action) = queue.removeFirst()
            perform(action, of: owner)
        }
        isDraining = false
    }

    private mutating func perform(_ action: SidecarAction, of key: NodeKey) {
        switch action {
        case .persist(let facts):
            nodes[key]?.journal.append(TrustJournal.content(facts))
            if hasMarks, let head = heads(of: key).last { input(key) { $0.journaled(head, at: $1) } }
        case .audit(let event): nodes[key]?.events.append(event)
        case .remember: break
        case .admit(let admission):
            nodes[key]?.admitted[admission.key] = admission.secret
            nodes[key]?.handshakeKeys[admission.key] = admission.handshakeKey
            if admission.isGuest { nodes[key]?.guests.insert(admission.key) }
        case .expel(let peer, _):
            nodes[key]?.admitted[peer] = nil
            endSession(key, peer)
        case .connect(let peer):
            if nodes[key]?.hubs.contains(peer) == true { nodes[key]?.tried.append(peer) }
            connect(key, peer)
        case .setRelay(let peer, _, let channel): nodes[key]?.relays[peer] = channel
        case .clearRelay(let peer, _, let channel):
            if nodes[key]?.relays[peer] == channel { nodes[key]?.relays[peer] = nil }
        case .admitHub(let url): nodes[key]?.hubs.insert(url.key)
        case .dropHub(let hub):
            nodes[key]?.hubs.remove(hub)
            if hub == hubURL.key { hubDown(key) }
        case .reviewAccess: nodes[key]?.reviews += 1
        case .trustEnded(let peer): nodes[key]?.ended.append(peer)
        case .hubRequest(let id, _, let request):
            if case .mark = request { marksLeft += 1 }
            askHub(key, id, request)
        case .work(let id, let challenge, let bits):
            let work = challenge.solve(bits: bits)
            input(key) { $0.worked(id, work, at: $1) }
        case .openWatch:
            guard hubSessions.contains(key) else { return }
            process(.watchOpened(by: sessionKey(key), at: now.wall))
        case .peerRequest(let id, let peer, let request):
            if case .mark = request { marksLeft += 1 }
            askPeer(key, id, peer, request)
        case .redeem(let id, let invitation, let claim): redeem(key, id, invitation, claim)
        case .answerPeer(_, let answer): nodes[key]?.peerAnswers.append(answer)
        case .routed(let id, let route): nodes[key]?.routes[id] = route
        case .endRedemption, .ping, .openLocalPort, .readConfiguration, .local, .readAudit: break
        case .answer(let command, let answer):
            nodes[key]?.answers[command] = answer
            let journal = nodes[key]?.journal
            nodes[key]?.journalAtAnswer[command] = journal
        case .fail(let command, let error): nodes[key]?.failures[command] = error
        }
    }

    private mutating func connect(_ key: NodeKey, _ peer: NodeKey) {
        if peer == hubURL.key {
            guard isHubUp, hubSessions.insert(key).inserted else { return }
            let hubKey = hubURL.key
            input(key) { $0.hubSession(hubKey, isUp: true, at: $1) }
            return
        }
        guard let mine = nodes[key]?.admitted[peer], nodes[peer]?.admitted[key] == mine else { return }
        guard let ours = nodes[key], let theirs = nodes[peer], let met = ours.handshakeKeys[peer],
            theirs.handshakeKeys[key] == ours.identity.currentKey,
            ([theirs.identity] + theirs.identity.former).contains(where: { $0.currentKey == met })
        else { return }
        guard nodes[peer]?.isRunning == true, nodes[key]?.sessions.insert(peer).inserted == true else { return }
        nodes[peer]?.sessions.insert(key)
        input(key) { $0.peerSession(peer, isUp: true, at: $1) }
        input(peer) { $0.peerSession(key, isUp: true, at: $1) }
    }

    mutating func endSession(_ key: NodeKey, _ peer: NodeKey) {
        guard nodes[key]?.sessions.remove(peer) != nil else { return }
        nodes[peer]?.sessions.remove(key)
        input(key) { $0.peerSession(peer, isUp: false, at: $1) }
        input(peer) { $0.peerSession(key, isUp: false, at: $1) }
    }

    private mutating func askHub(_ key: NodeKey, _ id: SidecarRequestID, _ request: HubRequest) {
        guard hubSessions.contains(key) else { return input(key) { $0.hubAnswered(id, nil, at: $1) } }
        lastHubRequest += 1
        let hubID = HubRequestID(lastHubRequest)
        let session = sessionKey(key)
        let admitted = hub.admit(from: session, at: now) { () throws(HubRefusal) in
            try HubRequest(received: request.document)
        }
        var answer: HubAnswer?
        switch admitted {
        case .success(.append) where isHubFull: answer = .refused(.unavailable)
        case .success(let request):
            let actions = process(.request(request, id: hubID, from: session, at: now))
            for case .answer(hubID, let given) in actions { answer = given }
        case .failure(let refusal):
            answer = .refused(refusal)
        }
        input(key) { $0.hubAnswered(id, answer, at: $1) }
    }

    /// The key that the hub sees in the session with a node.
    private func sessionKey(_ key: NodeKey) -> NodeKey { nodes[key]?.identity.currentKey ?? key }

    /// Gives the hub an input, and the nodes what it tells them.
    @discardableResult
    private mutating func process(_ hubInput: HubInput) -> [HubAction] {
        let isOther = otherFace != nil && hubInput.node.map { deceived.contains($0) } ?? false
        let actions: [HubAction]
        if var other = otherFace, isOther {
            actions = other.hub.process([hubInput], in: &other.store).actions
            otherFace = other
        } else {
            actions = hub.process([hubInput], in: &hubStore).actions
        }
        let hubKey = hubURL.key
        for action in actions {
            switch action {
            case .push(let session, let event):
                let node = nodes.first { $0.value.identity.currentKey == session }?.key ?? session
                mailSeen.append((node, event))
                guard hubSessions.contains(node), otherFace == nil || deceived.contains(node) == isOther else {
                    continue
                }
                input(node) { $0.receive(event, from: hubKey, at: $1) }
            case .bridge: bridgeCount += 1
            case .unbridge: bridgeCount -= 1
            case .answer, .endWatch, .audit: break
            }
        }
        return actions
    }

    private mutating func askPeer(_ key: NodeKey, _ id: SidecarRequestID, _ peer: NodeKey, _ request: PeerRequest) {
        guard nodes[key]?.sessions.contains(peer) == true else {
            return input(key) { $0.peerAnswered(id, nil, at: $1) }
        }
        let answer = ask(peer, as: key, request)
        input(key) { $0.peerAnswered(id, answer, at: $1) }
    }

    private mutating func redeem(
        _ key: NodeKey,
        _ id: SidecarRequestID,
        _ invitation: Invitation,
        _ claim: [UInt8]
    ) {
        let guest = try! NodeIdentity(seed: invitation.secret.guestSeed).key
        guard nodes[invitation.inviter]?.isRunning == true,
            nodes[invitation.inviter]?.admitted[guest] == invitation.secret.guestSecret
        else { return input(key) { $0.peerAnswered(id, nil, at: $1) } }
        let answer = ask(invitation.inviter, as: guest, .redeem(claim: claim))
        input(key) { $0.peerAnswered(id, answer, at: $1) }
        input(invitation.inviter) { $0.peerSession(guest, isUp: false, at: $1) }
    }

    /// What the sidecar of `key` answers to a request that comes from `peer` on the control port.
    mutating func ask(_ key: NodeKey, as peer: NodeKey, _ request: PeerRequest) -> PeerAnswer? {
        guard var node = nodes[key], node.isRunning else { return nil }
        let actions = node.sidecar.receive(request, id: PeerRequestID(1), from: peer, at: now)
        nodes[key] = node
        var answer: PeerAnswer?
        for action in actions {
            if case .answerPeer(_, let given) = action { answer = given } else { queue.append((key, action)) }
        }
        input(key) { _, _ in [] }
        return answer
    }

    /// Whether the hub's store has a revocation of what `giver` gave to `subject`.
    func isRevokedAtHub(giver: NodeKey, subject: NodeKey) -> Bool {
        let key = HubTags(of: hubIdentity).revocation(by: giver, of: subject)
        var reads = HubReads()
        reads.revocations = [key]
        var (copy, isRevoked) = (hubStore, false)
        copy.transaction(reads) { facts in
            isRevoked = facts.revocations[key] != nil
            return []
        }
        return isRevoked
    }

    func isTrusted(_ a: NodeKey, _ b: NodeKey) -> Bool { nodes[a]!.sidecar.isTrusted(b, at: now) }

    /// A trust as it arises by request and approval.
    mutating func befriend(_ a: NodeKey, _ b: NodeKey, services: ServiceSet = .all) throws {
        let asked = try answer(RequestTrust(peer: b, services: services, note: "please"), at: a)
        _ = try answer(ApproveRequest(id: asked.id!.description), at: b)
        #expect(isTrusted(a, b) && isTrusted(b, a))
    }
}

/// A shell that has nothing to show.
struct Unseen: SidecarView {
    var version: String { "test" }
    var uptime: Interval { .zero }
    var boundAddresses: [Endpoint] { [] }
    var translation: StatusDocument.NAT { StatusDocument.NAT(mapping: nil, filtering: nil, portMapping: nil) }
    var localPorts: [LocalPort] { [] }
    var unstoredCount: Int { 0 }
    var configuration: StatusDocument.Configuration { .init(file: nil, since: Timestamp(seconds: 0)) }

    func session(with peer: NodeKey) -> PeerStatus? { nil }
    func upstream(of name: ServiceName) -> UpstreamStatus { UpstreamStatus("") }
    func activeStreams(of name: ServiceName) -> Int { 0 }
    func allows(_ method: String, of name: ServiceName) -> Bool? {
        name.description == "clock" ? nil : method == "tools/list"
    }
}

extension RequestTrust {
    /// Asks the node with the key `peer`.
    init(peer: NodeKey, services: ServiceSet? = nil, note: String? = nil) {
        self.init(peer: .peer(PeerName(peer)), services: services, note: note)
    }
}

extension Mail {
    /// The mail sealed with the same ephemeral key in every run.
    func sealed() throws -> [UInt8] {
        let random = RandomSource(seed: Array(repeating: 5, count: 32))
        return try sealed(using: random)
    }
}

extension HubInput {
    /// Whose input it is.
    fileprivate var node: NodeKey? {
        switch self {
        case .request(_, _, let node, _, _), .watchOpened(let node, _), .watchClosed(let node, _): node
        case .tidy, .told: nil
        }
    }
}
