import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import TrustCore

/// A hub under what four nodes do in any order: every request has one answer, and nothing is sent to who is away.
enum HubOperations {
    static func receive(_ bytes: [UInt8]) {
        var choices = Choices(bytes)
        var world = HubUnderFire()
        while !choices.isEmpty { world.step(&choices) }
    }
}

private struct HubUnderFire {
    private var hub: Hub
    private var store = MemoryHubStore()
    private var wall = Timestamp(seconds: 1_795_000_000)
    private var instant = Instant(nanoseconds: 0)
    private var present: Set<NodeKey> = []
    private var channels: [RelayChannel] = [RelayChannel(0)]
    private var mail: [RecordID] = []
    private var lastID: UInt64 = 0
    private let nodes: [NodeIdentity] = (1...4 as ClosedRange<UInt8>).compactMap {
        try? NodeIdentity(seed: Array(repeating: $0, count: 32))
    }

    init() {
        guard let identity = try? NodeIdentity(seed: Array(repeating: 9, count: 32)) else {
            preconditionFailure("a seed has 32 bytes")
        }
        var settings = HubSettings.defaults
        // Every other stranger's mail is paid for by accident.
        settings.strangerPrice = StrangerPrice(least: 0, most: 1)
        settings.strangerMailbox = MailboxShare(count: 2, countPerSource: 2)
        settings.nodeCount = 3
        hub = Hub(identity: identity, settings: settings)
    }

    mutating func step(_ choices: inout Choices) {
        let node = choices.pick(nodes)
        switch choices.byte() % 8 {
        case 0:
            present.insert(node.key)
            process(.watchOpened(by: node.key, at: wall))
        case 1:
            present.remove(node.key)
            process(.watchClosed(by: node.key, at: wall))
        case 2: pass(.seconds(Int64(choices.byte())), &choices)
        case 3: pass(.seconds(Int64(choices.byte()) * 3_600), &choices)
        case 4: process(.tidy(at: wall))
        default: ask(request(by: node, &choices), from: node)
        }
    }

    private mutating func pass(_ span: Interval, _ choices: inout Choices) {
        instant = instant + span
        // The wall clock may run apart from the other.
        wall = wall + (choices.byte() % 16 == 0 ? .zero : span)
    }

    private func request(by node: NodeIdentity, _ choices: inout Choices) -> HubRequest {
        let other = choices.pick(nodes)
        let expires = wall + .seconds(Int64(choices.byte()) - 8)
        switch choices.byte() % 7 {
        case 0: return .register(contacts: choices.bytes(upTo: 4).compactMap { token($0)?.id })
        case 1: return .deregister
        case 2:
            let evidence = evidence(for: node, expires: expires, &choices)
            return .deposit(target: other.key, sealed: [1] + choices.bytes(upTo: 64), evidence: evidence)
        case 3: return .acknowledge(mail.isEmpty ? [] : [choices.pick(mail)])
        case 4:
            let giver = choices.pick(nodes)
            let grant = Grant(from: giver, to: node.key, services: .all, issued: wall, expires: expires)
            return .resolve(target: other.key, grant: grant)
        case 5: return .release(choices.pick(channels))
        default: return .revoke(Revocation(from: choices.pick(nodes), to: other.key, issued: wall))
        }
    }

    private func evidence(
        for node: NodeIdentity,
        expires: Timestamp,
        _ choices: inout Choices
    ) -> DepositEvidence? {
        switch choices.byte() % 3 {
        case 0: return nil
        case 1: return token(choices.byte()).map { .contact($0) }
        default:
            let giver = choices.pick(nodes)
            return .grant(Grant(from: giver, to: node.key, services: .all, issued: wall, expires: expires))
        }
    }

    private func token(_ number: UInt8) -> ContactToken? {
        ContactToken(bytes: Array(repeating: number % 4, count: ContactToken.byteCount))
    }

    private mutating func ask(_ request: HubRequest, from node: NodeIdentity) {
        lastID += 1
        let id = HubRequestID(lastID)
        let now = Clocks(wall: wall, instant: instant)
        let admitted = hub.admit(from: node.key, at: now) { () throws(HubRefusal) in
            try HubRequest(received: request.document)
        }
        guard case .success(let request) = admitted else { return }
        let answers = process(.request(request, id: id, from: node.key, at: now)).filter { action in
            if case .answer(id, _) = action { true } else { false }
        }
        precondition(answers.count == 1, "a request has one answer")
    }

    @discardableResult
    private mutating func process(_ input: HubInput) -> [HubAction] {
        let (actions, failure) = hub.process([input], in: &store)
        precondition(failure == nil, "a store in memory does not fail")
        for action in actions {
            switch action {
            case .push(let node, let event):
                precondition(present.contains(node), "only who watches is told")
                note(event)
            case .answer(_, .online(let channel, _)): channels.append(channel)
            case .answer, .endWatch, .bridge, .unbridge, .audit: break
            }
        }
        return actions
    }

    private mutating func note(_ event: HubEvent) {
        switch event {
        case .mail(let id, _, _): mail.append(id)
        case .channel(let channel, _, _, _), .closed(let channel): channels.append(channel)
        case .ready, .network, .beat, .credential, .hubs: break
        }
    }
}
