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
    /// Where the hub sees it.
    var reflexive: Candidate?
    /// Counts the lives of the node: each crash begins another.
    private(set) var life = 0
    /// In the order of admission, so that a restart repeats it.
    var acquaintances: [Acquaintance] = []
    /// The first number for handshakes that no life of the node may have used, as on a disk.
    private var reservedCounters = Host.firstCounter
    /// What the node asked to be kept (``Event/replayFloor``), also of peers that were expelled.
    private(set) var replayFloors: [NodeKey: UInt64] = [:]
    /// Since when the host is asleep.
    var asleepSince = Instant(nanoseconds: 0)
    /// The instant of the wake-up that is planned, on the world's clock.
    var plannedWake: Instant?
    /// Datagrams that wait in the socket of a stopped process.
    var backlog: [Network.Arrival] = []
    /// Ports of its own beside ``Network/port``, at which it listens: opened one after the other.
    private var sparePorts = Host.firstSparePort..<Host.firstSparePort
    private static let firstSparePort: UInt16 = 10_000
    /// What a socket buffer holds (`net.core.rmem_default`).
    static let backlogByteCount = 212_992

    private let seed: UInt64

    init(
        id: HostID,
        seed: UInt64,
        settings: NodeSettings,
        clock: HostClock
    ) throws(CryptoError) {
        self.id = id
        self.seed = seed
        self.settings = settings
        self.clock = clock
        var random = SeededRandom(seed: seed, purpose: .identities, index: id.index)
        identity = try NodeIdentity(seed: random.bytes(32))
        node = Self.makeNode(identity, settings, seed: seed, id: id, life: 0, counters: 0..<1)
        node = Self.makeNode(identity, settings, seed: seed, id: id, life: 0, counters: reserve())
    }

    var key: NodeKey { identity.key }

    /// Throws away everything that a process holds in memory and starts the next life.
    func restart() {
        life += 1
        areFloorsCertain = life % 2 == 0 && !isRestored
        restoreDisk()
        var system = SeededRandom(seed: seed, purpose: .entropy, index: id.index << 16 | life)
        node = Self.makeNode(
            identity,
            settings,
            seed: seed,
            id: id,
            life: hasFormerGenerator ? 0 : life,
            counters: reserve(),
            entropy: hasFormerGenerator ? { system.bytes(32) } : nil
        )
        hasFormerGenerator = false
        condition = .running
        reflexive = nil
        sparePorts = Self.firstSparePort..<Self.firstSparePort
        backlog = []
        plannedWake = nil
    }

    /// Whether the replay floors on the disk are the last ones: after every other crash some may be lost, as with the
    /// power.
    private(set) var areFloorsCertain = true

    /// Whether the next life finds the disk as it was at the start.
    var isRestored = false

    /// Whether the next life goes on with the generator of the first, as the copy of a running machine does; only what
    /// the system brings in keeps the two apart.
    private var hasFormerGenerator = false

    /// Whether replay floors were lost with the disk.
    private(set) var hasLostFloors = false

    /// The disk goes back, if that is to be.
    private func restoreDisk() {
        guard isRestored else { return }
        isRestored = false
        hasFormerGenerator = true
        reservedCounters = Self.firstCounter
        replayFloors = [:]
        hasLostFloors = true
    }

    private static let firstCounter: UInt64 = 1 << 60

    /// Reserves numbers for handshakes, as on a disk.
    private func reserve() -> Range<UInt64> {
        let start = reservedCounters
        reservedCounters += 1 << 24
        return start..<reservedCounters
    }

    /// The node asks for more of them.
    func reserveCounters() {
        reservedCounters = max(reservedCounters, node.wantedCounters)
        node.reserveCounters(to: reserve().upperBound)
    }

    /// Opens so many more ports; none when there are no more.
    func openPorts(_ count: Int) -> [UInt16] {
        guard Int(sparePorts.upperBound) + count <= Int(UInt16.max) else { return [] }
        let opened = sparePorts.upperBound..<sparePorts.upperBound + UInt16(count)
        sparePorts = sparePorts.lowerBound..<opened.upperBound
        return Array(opened)
    }

    /// Whether what comes to this port is received.
    func isListening(at port: UInt16) -> Bool { port == Network.port || sparePorts.contains(port) }

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
        counters: Range<UInt64>,
        entropy: (() -> [UInt8])? = nil
    ) -> Node {
        var random = SeededRandom(seed: seed, purpose: .nodes, index: id.index << 16 | life)
        var node = Node(
            identity: identity,
            settings: settings,
            seed: random.bytes(32),
            counters: counters,
            entropy: entropy
        )
        node.openDatagramPort(StreamPlan.datagramPort)
        return node
    }
}
