import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

func identity(_ number: UInt8) -> NodeIdentity {
    try! NodeIdentity(seed: Array(repeating: number, count: 32))
}

func time(_ seconds: Int64) -> Timestamp { Timestamp(seconds: 1_795_000_000 + seconds) }

let alice = identity(1)
let bob = identity(2)
let carol = identity(3)
let hubIdentity = identity(99)

/// The network with the number `number`.
func network(_ number: Int) -> SourceNetwork { SourceNetwork(.ipv4(address: UInt32(number) << 8, port: 1)) }

/// A hub over a store in memory, driven by hand.
struct HubWorld {
    var hub: Hub
    var store = MemoryHubStore()
    var now = Clocks(wall: time(0), instant: Instant(nanoseconds: 0))
    /// The bridges that the hub has asked for, by the end that was named first.
    private(set) var bridges: [BridgeEnd: BridgeEnd] = [:]
    private var last: UInt64 = 0

    struct BridgeEnd: Hashable {
        let node: NodeKey
        let channel: RelayChannel
    }

    init(_ settings: HubSettings = .defaults) {
        hub = Hub(identity: hubIdentity, settings: settings)
    }

    mutating func pass(_ seconds: Int64) {
        now.wall = now.wall + .seconds(seconds)
        now.instant = now.instant + .seconds(seconds)
    }

    mutating func ask(
        _ request: HubRequest,
        from node: NodeIdentity,
        in network: SourceNetwork = .unknown
    ) -> (answer: HubAnswer, actions: [HubAction]) {
        ask(text: request.document.compactText, from: node, in: network)
    }

    mutating func ask(
        text: String,
        from node: NodeIdentity,
        in network: SourceNetwork = .unknown
    ) -> (answer: HubAnswer, actions: [HubAction]) {
        let id = nextID()
        let admitted = hub.admit(from: node.key, in: network, at: now) { () throws(HubRefusal) in
            try HubRequest(received: try? JSONValue(parsing: text))
        }
        let actions: [HubAction]
        switch admitted {
        case .success(let request): actions = process(.request(request, id: id, from: node.key, in: network, at: now))
        case .failure(let refusal): actions = [.answer(id, .refused(refusal))]
        }
        let answers = actions.compactMap { action -> HubAnswer? in
            guard case .answer(id, let answer) = action else { return nil }
            return answer
        }
        precondition(answers.count == 1, "a request has one answer")
        return (answers[0], actions)
    }

    mutating func watch(_ node: NodeIdentity) -> [HubAction] { process(.watchOpened(by: node.key, at: now.wall)) }

    mutating func leave(_ node: NodeIdentity) -> [HubAction] { process(.watchClosed(by: node.key, at: now.wall)) }

    @discardableResult
    mutating func tidy() -> [HubAction] { process(.tidy(at: now.wall)) }

    /// Registers and watches.
    mutating func join(_ nodes: NodeIdentity...) {
        for node in nodes {
            _ = ask(.register(contacts: []), from: node)
            _ = watch(node)
        }
    }

    /// Takes inputs as one batch.
    mutating func process(_ inputs: HubInput...) -> [HubAction] {
        let (actions, failure) = hub.process(inputs, in: &store)
        precondition(failure == nil, "a store in memory does not fail")
        for action in actions { follow(action) }
        return actions
    }

    mutating func nextID() -> HubRequestID {
        last += 1
        return HubRequestID(last)
    }

    /// What waits for `node`, whether it is present or not.
    func mail(of node: NodeIdentity) -> [StoredMail] {
        var reads = HubReads()
        reads.mailboxes = [node.key]
        var copy = store
        var waiting: [StoredMail] = []
        copy.transaction(reads) { facts in
            waiting = facts.mailboxes[node.key] ?? []
            return []
        }
        return waiting
    }

    private mutating func follow(_ action: HubAction) {
        switch action {
        case .bridge(let a, let channelA, let b, let channelB):
            bridges[BridgeEnd(node: a, channel: channelA)] = BridgeEnd(node: b, channel: channelB)
        case .unbridge(let node, let channel):
            let end = BridgeEnd(node: node, channel: channel)
            bridges = bridges.filter { $0.key != end && $0.value != end }
        case .answer, .push, .endWatch, .audit:
            break
        }
    }
}

/// A moment by both clocks, `seconds` after the first.
func moment(_ seconds: Int64) -> Clocks {
    Clocks(wall: time(seconds), instant: Instant(nanoseconds: 0) + .seconds(seconds))
}

extension HubAnswer {
    var isGood: Bool { if case .refused = self { false } else { true } }
    var isOnline: Bool { if case .online = self { true } else { false } }
    var isInvalid: Bool { if case .refused(.invalid) = self { true } else { false } }
}

func pushes(_ actions: [HubAction], to node: NodeIdentity) -> [HubEvent] {
    actions.compactMap { action in
        guard case .push(node.key, let event) = action else { return nil }
        return event
    }
}

func audited(_ actions: [HubAction]) -> [AuditEvent] {
    actions.compactMap { if case .audit(let event) = $0 { event } else { nil } }
}

let bobsGrant = Grant(from: bob, to: alice.key, services: .all, issued: time(0), expires: time(1_000))
