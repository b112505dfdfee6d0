import OverlayCore
import OverlayCrypto
import PosternModel

/// One simulated machine: a node, its clocks, what it keeps on disk, and the application that uses it.
package final class Host {
    /// A peer that the host admits; survives a crash.
    struct Acquaintance {
        let host: HostID
        let key: NodeKey
        let preSharedKey: PreSharedKey
        /// Whether it is the hub.
        let relays: Bool
    }

    /// What runs on the machine now.
    enum Condition: Equatable {
        case running
        case down
        case asleep(Fault.Rest)
    }

    /// Which host of the world it is.
    package let id: HostID
    let identity: NodeIdentity
    let settings: NodeSettings
    var clock: HostClock
    var node: Node
    var condition = Condition.running
    /// Counts the lives of the node: each crash begins another.
    private(set) var life = 0
    /// In the order of admission, so that a restart repeats it.
    var acquaintances: [Acquaintance] = []
    /// What the node asked to be kept (``Event/replayFloor``), also of peers that were expelled.
    private(set) var replayFloors: [NodeKey: UInt64] = [:]
    /// Since when the host is asleep.
    var asleepSince = Instant(nanoseconds: 0)
    /// The instant of the wake-up that is planned, on the world's clock.
    var plannedWake: Instant?
    /// Datagrams that wait in the socket of a stopped process.
    var backlog: [Network.Arrival] = []
    /// What a socket buffer holds (`net.core.rmem_default`).
    static let backlogByteCount = 212_992

    private let seed: UInt64

    init(
        id: HostID,
        seed: UInt64,
        settings: NodeSettings,
        clock: HostClock,
        at now: Instant
    ) throws(CryptoError) {
        self.id = id
        self.seed = seed
        self.settings = settings
        self.clock = clock
        var random = SeededRandom(seed: seed, purpose: .identities, index: id.index)
        identity = try NodeIdentity(seed: random.bytes(32))
        node = Self.makeNode(identity, settings, seed: seed, id: id, life: 0, clock: clock, at: now)
    }

    var key: NodeKey { identity.key }

    /// Throws away everything that a process holds in memory and starts the next life.
    func restart(at now: Instant) {
        life += 1
        node = Self.makeNode(identity, settings, seed: seed, id: id, life: life, clock: clock, at: now)
        condition = .running
        backlog = []
        plannedWake = nil
    }

    func index(of peer: HostID) -> Int? {
        acquaintances.firstIndex { $0.host == peer }
    }

    func host(of key: NodeKey) -> HostID? {
        acquaintances.first { $0.key == key }?.host
    }

    /// Keeps a replay floor as a disk would.
    func store(replayFloor: UInt64, of key: NodeKey) {
        replayFloors[key] = max(replayFloor, replayFloors[key] ?? 0)
    }

    private static func makeNode(
        _ identity: NodeIdentity,
        _ settings: NodeSettings,
        seed: UInt64,
        id: HostID,
        life: Int,
        clock: HostClock,
        at now: Instant
    ) -> Node {
        var random = SeededRandom(seed: seed, purpose: .nodes, index: id.index << 16 | life)
        var node = Node(
            identity: identity,
            settings: settings,
            seed: random.bytes(32),
            wallClock: clock.wall(now),
            at: clock.local(now)
        )
        node.openDatagramPort(StreamPlan.datagramPort)
        return node
    }
}
