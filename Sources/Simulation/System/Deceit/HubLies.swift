import HubCore
import HubProtocol
import PosternModel
import TrustCore

/// What a hub can do to those who rely on it.
enum HubDeceit: CaseIterable, Hashable {
    /// It shows some of its nodes another history than the others.
    case forks
    /// It brings an old database back.
    case restores
    /// It keeps what is new from some of its nodes.
    case withholds
    /// It takes its time.
    case delays
    /// It tells old events again, to anybody.
    case replays
    /// It gives one node what another was answered.
    case answersForOthers
    /// It names other keys than those that are meant.
    case swapsKeys
    /// It sends without measure what it has made up.
    case floods
}

/// What a hub lies about now, and what it has kept for that.
struct HubLies {
    /// Another registry under the same key, for some nodes.
    struct Face {
        var hub: Hub
        var store: UnreliableStore
        let nodes: Set<NodeKey>
    }

    var active: Set<HubDeceit> = []
    /// Whether it has never lost anything on purpose.
    var isHonest = true
    /// Those from whom it keeps what is new.
    var withheldFrom: Set<NodeKey> = []
    var copies: [UnreliableStore] = []
    /// Events that it was to push, for replays.
    private(set) var seen: [HubEvent] = []
    private var answers: [HubAnswer] = []
    private var heads: [NodeKey: NetworkHead] = [:]
    private var face: Face?

    private static let keptCount = 200

    mutating func fork(_ face: Face) {
        isHonest = false
        self.face = face
    }

    /// Everybody sees the same again.
    mutating func unify() { face = nil }

    func isDeceived(_ node: NodeKey) -> Bool { face?.nodes.contains(node) ?? false }

    /// What the other face does about `inputs`.
    mutating func process(_ inputs: [HubInput]) -> [HubAction] {
        guard var face, !inputs.isEmpty else { return [] }
        let actions = face.hub.process(inputs, in: &face.store).actions
        self.face = face
        return kept(actions, isOther: true)
    }

    /// Those of `actions` that are for nodes to which this face is shown.
    func kept(_ actions: [HubAction], isOther: Bool) -> [HubAction] {
        guard face != nil else { return actions }
        return actions.filter { action in
            if case .push(let node, _) = action { isDeceived(node) == isOther } else { true }
        }
    }

    /// What `node` is answered instead of `answer`.
    mutating func twist(_ answer: HubAnswer, for node: NodeKey, _ random: inout SeededRandom) -> HubAnswer {
        if case .entries(_, let head, _) = answer {
            guard !active.contains(.withholds) || !withheldFrom.contains(node) else {
                return heads[node].map { .entries([], head: $0) } ?? .refused(.unavailable)
            }
            heads[node] = head
        }
        guard !active.isEmpty else { return answer }
        answers = answers.suffix(Self.keptCount - 1) + [answer]
        guard active.contains(.answersForOthers), random.happens(0.5) else { return answer }
        return random.pick(answers)
    }

    /// What `node` is told instead of `event`; nil: nothing.
    mutating func twist(
        _ event: HubEvent,
        for node: NodeKey,
        among keys: [NodeKey],
        _ random: inout SeededRandom
    ) -> HubEvent? {
        seen = seen.suffix(Self.keptCount - 1) + [event]
        switch event {
        case .mail, .network, .beat, .credential:
            return active.contains(.withholds) && withheldFrom.contains(node) ? nil : event
        case .channel(let channel, _, let credential, _):
            guard active.contains(.swapsKeys) else { return event }
            return .channel(channel, peer: random.pick(keys), credential: credential)
        case .ready, .closed, .hubs: return event
        }
    }
}

extension HubInput {
    /// Whose input it is.
    var node: NodeKey? {
        switch self {
        case .request(_, _, let node, _, _), .watchOpened(let node, _), .watchClosed(let node, _): node
        case .tidy, .told: nil
        }
    }
}
