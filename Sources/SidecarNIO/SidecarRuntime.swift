package import Logging
package import NIOCore
package import NIOPosix
import OverlayCore
package import OverlayCrypto
package import OverlayNIO
package import OverlayWire
package import PosternModel
package import SidecarCore
package import StateStore
package import TrustCore

/// The sidecar at work: gives ``SidecarCore/Sidecar`` what happens on the overlay and does what it wants done.
///
/// Confined to the node's event loop, like the node: every method is called there. It is the node's observer; streams
/// of peers to ports for services go to ``incoming``.
package final class SidecarRuntime {
    /// How the sidecar is set up.
    package struct Settings: Sendable, Hashable {
        /// The directory of the journal, the audit trail and the caches. It exists.
        package var stateDirectory: String
        /// How we introduce ourselves.
        package var name: String
        package var hubs: [HubURL]
        package var exposed: [ExposedRule]
        /// Whose requests for trust are accepted without the operator.
        package var accept: [AcceptanceRule]
        /// Addresses under which peers can reach us without a hub, for invitations.
        package var advertised: [Endpoint]
        /// The networks to take part in, of those that were joined; nil: all.
        package var networks: Set<String>?
        /// The version of Postern, which peers are told; nil: they are not.
        package var version: String?
        package var sidecar: SidecarSettings
        /// Whether the replay floors on the disk are the last ones for sure: the program before this one came to its
        /// end in order.
        package var areFloorsCertain: Bool

        package init(
            stateDirectory: String,
            name: String,
            hubs: [HubURL],
            exposed: [ExposedRule],
            accept: [AcceptanceRule] = [],
            advertised: [Endpoint] = [],
            networks: Set<String>? = nil,
            version: String? = nil,
            sidecar: SidecarSettings = .defaults,
            areFloorsCertain: Bool = true
        ) {
            self.stateDirectory = stateDirectory
            self.name = name
            self.hubs = hubs
            self.exposed = exposed
            self.accept = accept
            self.advertised = advertised
            self.networks = networks
            self.version = version
            self.sidecar = sidecar
            self.areFloorsCertain = areFloorsCertain
        }
    }

    /// Who gets the streams that are not the sidecar's own.
    package weak var incoming: (any StreamAcceptor)?
    /// The program around the runtime.
    package weak var host: (any SidecarHost)?
    /// Who we are.
    package let identity: NodeIdentity

    let node: OverlayNode
    let startedAt = NIODeadline.now()
    let log: Logger
    var settings: Settings
    /// Where our files are written.
    let queue: StateQueue
    /// Resolves the names of hubs and works for them, which blocks.
    let resolver: NIOThreadPool
    /// What there is from ``start()`` to ``stop()``.
    var life: Life?
    /// Whether the replay floors are on the disk for good, since ``stop()``.
    package internal(set) var areFloorsKept = false
    /// Our addresses as others see them, the latest last.
    var observed: [Endpoint] = []

    /// What the sidecar has while it runs.
    struct Life {
        var sidecar: Sidecar
        let journal: JournalFile
        let audit: AuditFile
        let floors: ReplayFloorFile
        let guestFloors: GuestFloorFile
        let cache: CacheFile
        let control: RPCServer
        /// What waits for facts to be on the disk.
        var gate = CommitGate()
        /// When facts that could not be written are tried again; nil: none failed.
        var retry: Scheduled<Void>?
        /// Whether the journal is to be replaced by a snapshot with the next write.
        var needsCompaction = false
        /// What is to be done now, in order.
        var steps = CircularBuffer<CommitGate.Step>()
        var isActing = false
        /// Set by ``SidecarRuntime/stop()``.
        var stopping: EventLoopPromise<Void>?
        var commands: [CommandID: EventLoopPromise<CommandAnswer>] = [:]
        var lastCommand: UInt64 = 0
        /// Entries that were recorded in the audit trail.
        var auditEntryCount: UInt64 = 0
        /// Clients that wait to hear where a service is.
        var routes: [RouteID: (Route) -> Void] = [:]
        var lastRoute: UInt64 = 0
        var peerRequests: [PeerRequestID: RPCServerStream] = [:]
        var lastPeerRequest: UInt64 = 0
        var hubs: [NodeKey: HubURL] = [:]
        var watches: [NodeKey: EventStream.Reader] = [:]
        var redemptions: [SidecarRequestID: InvitationRedemption] = [:]
        /// The end of the work that hubs have asked for.
        var lastWork: EventLoopFuture<Void>?
        var timer: Scheduled<Void>?
        /// When the timer is due.
        var timerDue: Instant?
        var isCacheDirty = false
    }

    /// A sidecar on `node`, of which it becomes the observer, with its files written on `queue`. It does nothing until
    /// ``start()``.
    package init(
        node: OverlayNode,
        identity: NodeIdentity,
        settings: Settings,
        queue: StateQueue,
        resolver: NIOThreadPool = .singleton,
        logger: Logger
    ) {
        self.node = node
        self.identity = identity
        self.settings = settings
        self.queue = queue
        self.resolver = resolver
        log = logger
        node.observer = self
    }

    /// Opens the journal, the audit trail and the caches, admits peers and hubs, and begins to work. The node has been
    /// started. Throws when a file cannot be used, or is not what this node has left.
    package func start() throws(Problem) {
        node.eventLoop.preconditionInEventLoop()
        guard life == nil else { return }
        let directory = StateDirectory(path: settings.stateDirectory)
        let audit = try openAudit(in: directory)
        let (opened, content) = try openJournal(in: directory, isNew: audit.isNew)
        let floors: ReplayFloorFile
        let guestFloors: GuestFloorFile
        do throws(StateFileError) {
            floors = try ReplayFloorFile(path: directory.floorsPath)
            guestFloors = try GuestFloorFile(path: directory.guestFloorsPath)
            try audit.complete(behind: opened.reading.head)
        } catch {
            throw Problem(error)
        }
        let cache = CacheFile(path: directory.peersPath, queue: queue) { [log] error in
            log.warning("the cache of peers cannot be written", metadata: ["error": "\(error)"])
        }
        let sidecar = Sidecar(
            identity: identity,
            records: try directory.records(of: identity.currentKey),
            profile: profile(of: settings),
            content: content,
            journal: opened.journal.head,
            past: opened.reading.past,
            memory: (try? JSONValue(parsing: cache.load())) ?? .null,
            random: RandomSource(seed: SystemEntropy.bytes(), entropy: SystemEntropy.bytes),
            settings: settings.sidecar
        )
        guestFloors.keep(sidecar.guestKeys(at: .now()))
        let control = RPCServer { [weak self] call, document in self?.receive(document, call) }
        life = Life(
            sidecar: sidecar,
            journal: opened.journal,
            audit: audit,
            floors: floors,
            guestFloors: guestFloors,
            cache: cache,
            control: control
        )
        feed { $0.start(at: $1) }
    }

    /// Succeeds when the peers that were met last have answered the greeting of this start, and with that forgotten the
    /// sessions of the life before; or after `patience`, for those that are away.
    package func greetings(within patience: TimeAmount) -> EventLoopFuture<Void> {
        node.eventLoop.preconditionInEventLoop()
        let promise = node.eventLoop.makePromise(of: Void.self)
        let deadline = NIODeadline.now() + patience
        func look() {
            let isWaiting = life?.sidecar.greeted.contains { !isConnected($0) } ?? false
            guard isWaiting, NIODeadline.now() < deadline else { return promise.succeed() }
            node.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(5)) { look() }
        }
        look()
        return promise.futureResult
    }

    /// Brings to the disk what is not there yet and ends what waits; succeeds when all files are written. The node is
    /// stopped by its owner afterwards.
    package func stop() -> EventLoopFuture<Void> {
        node.eventLoop.preconditionInEventLoop()
        guard life != nil else { return node.eventLoop.makeSucceededVoidFuture() }
        if let stopping = life?.stopping { return stopping.futureResult }
        let promise = node.eventLoop.makePromise(of: Void.self)
        life?.stopping = promise
        for redemption in Array((life?.redemptions ?? [:]).values) { redemption.end() }
        life?.gate.retry()
        settle()
        return promise.futureResult
    }

    /// The configuration changed: name, hubs and exposed services.
    package func reload(_ settings: Settings) {
        node.eventLoop.preconditionInEventLoop()
        self.settings = settings
        let profile = profile(of: settings)
        feed { $0.reconfigure(profile, at: $1) }
    }

    func profile(of settings: Settings) -> SidecarProfile {
        let isHidden = !node.settings.node.usesDirectPaths
        let confirmed = isHidden ? [] : observed
        let local = isHidden ? [] : settings.advertised
        let advertised = local + confirmed.filter { !local.contains($0) }
        return SidecarProfile(
            name: settings.name,
            hubs: settings.hubs,
            exposed: settings.exposed,
            accept: settings.accept,
            advertised: advertised,
            confirmed: confirmed,
            networks: settings.networks,
            version: settings.version
        )
    }
}

extension Problem {
    static let stopped = Problem(
        code: "stopped",
        message: "the sidecar is not running",
        hint: "start it with `postern up`"
    )

    /// A decision holds and is not on the disk.
    static func unsaved(_ error: StateFileError) -> Problem {
        Problem(
            code: "state-unusable",
            message: "this is decided and could not be stored: \(error); a restart would forget it",
            hint: "make room on the disk and check the state directory: it is tried again every second, and "
                + "`postern status` shows it until it is done"
        )
    }

    /// Nothing was decided, since it could not be stored.
    static func noRoom(at path: String) -> Problem {
        Problem(
            code: "state-unusable",
            message: "nothing was changed: the disk of \(path) is full, or does not take what is written",
            hint: "make room on the disk and check the state directory, then try again"
        )
    }
}
