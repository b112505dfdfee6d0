import GatewayCore
import PosternModel

/// What goes one way over a TCP connection or a stream.
enum Piece {
    case bytes([UInt8])
    /// The sender sends no more.
    case end
    /// It is broken: what was on its way is lost.
    case reset
}

/// One gateway's end of a client's connection: the product's machine, driven as the gateway's shell drives it.
final class GatewayEnd {
    typealias Side = ProxyConnection.Side

    /// What the world has to do.
    enum Effect {
        case send(Side, Piece)
        case connect
        case arm(ProxyConnection.Timer, Int)
    }

    /// How far one side is.
    private struct Link {
        var isOpen: Bool
        /// What it gave and was not taken.
        var held: [UInt8] = []
        var hasEnded = false
        var isEndTold = false
        var isFinished = false
        var isDiscarding = false
    }

    private let scratch = HeadScratch()
    private var connection: ProxyConnection
    /// The side that is a TCP connection; the other one is a stream.
    private let channel: Side
    /// Why a client has no upstream any more.
    private let loss: GatewayError
    private var downstream = Link(isOpen: true)
    private var upstream = Link(isOpen: false)
    /// What waits for the upstream to open; nil once it was open.
    private var unsent: [Piece]? = []
    private var armed: [ProxyConnection.Timer: Int] = [:]
    private var effects: [Effect] = []
    private(set) var isRetired = false

    /// A client's connection to a service of `peer`.
    init(reaching peer: String) {
        connection = ProxyConnection(reaching: peer, scratch: scratch)
        channel = .downstream
        loss = .peerAway(peer)
        let policy = ReachPolicy(names: OwnNames(), offersUpgrade: true)
        connection.resolved(.ready(.reach(policy)))
    }

    /// A stream of `peer` to our `service`.
    init(exposing service: Service, to peer: NodeKey) {
        let exposed = ExposedService(service: service, upstream: .loopback(9_000))
        let policy = ExposePolicy(exposed, did: peer.did, peerName: nil, network: nil)
        connection = ProxyConnection(
            exposing: service.name.description,
            policy: .expose(policy),
            scratch: scratch
        )
        channel = .upstream
        loss = .agentBroke(service.name.description)
    }

    /// What is to be done since this was asked last.
    func takeEffects() -> [Effect] {
        perform()
        defer { effects = [] }
        return effects
    }

    // MARK: What happens to it

    func connected() {
        upstream.isOpen = true
        for piece in unsent ?? [] { effects.append(.send(.upstream, piece)) }
        unsent = nil
        connection.connected()
    }

    func connectFailed(_ error: GatewayError) {
        unsent = nil
        connection.connectFailed(error)
    }

    func receive(_ piece: Piece, from side: Side, at now: Instant) {
        guard self[side].isOpen else { return }
        switch piece {
        case .bytes(let bytes):
            if !self[side].isDiscarding { self[side].held += bytes }
            pump(side, at: now)
        case .end:
            self[side].hasEnded = true
            pump(side, at: now)
        case .reset:
            self[side] = Link(isOpen: false)
            switch side {
            case .downstream: connection.lostDownstream()
            case .upstream: connection.lostUpstream(loss, channel == .upstream ? .broken : .unavailable)
            }
        }
        perform(at: now)
    }

    /// The peer does not admit us, or we do not admit it any more.
    func loseTrust(in peer: String) {
        guard upstream.isOpen else { return }
        upstream = Link(isOpen: false)
        connection.lostUpstream(.notTrusted(peer), .unavailable)
    }

    /// What it carries is broken off.
    func cut() { connection.cut() }

    func fire(_ timer: ProxyConnection.Timer, _ number: Int) {
        guard armed[timer] == number else { return }
        switch timer {
        case .patience: connection.patienceEnded(peerIsPresent: true, unresolved: .passthrough)
        case .linger: connection.lingerEnded()
        case .head: connection.headEnded()
        case .events:
            connection.eventsSilent()
            let nothing: [UInt8] = []
            send(scratch.plan.bytes(of: nothing.span), to: .downstream)
        }
    }

    // MARK: Bytes

    private func pump(_ side: Side, at now: Instant) {
        while !self[side].held.isEmpty, connection.wantsInput(from: side) {
            let bytes = self[side].held
            self[side].held = []
            switch side {
            case .downstream:
                let count = connection.receiveRequests(bytes.span, at: now)
                send(scratch.plan.bytes(of: bytes.span), to: .upstream)
                self[side].held = Array(bytes.dropFirst(count))
            case .upstream:
                connection.receiveResponses(bytes.span)
                send(scratch.plan.bytes(of: bytes.span), to: .downstream)
            }
        }
        guard self[side].held.isEmpty, self[side].hasEnded, !self[side].isEndTold else { return }
        self[side].isEndTold = true
        connection.ended(side)
        let nothing: [UInt8] = []
        send(scratch.plan.bytes(of: nothing.span), to: side.opposite)
        closeIfDone(side)
    }

    private func send(_ bytes: [UInt8], to side: Side) {
        guard !bytes.isEmpty else { return }
        if self[side].isOpen {
            effects.append(.send(side, .bytes(bytes)))
        } else if side == .upstream {
            unsent?.append(.bytes(bytes))
        }
    }

    /// Both halves are done in order.
    private func closeIfDone(_ side: Side) {
        guard self[side].isOpen, self[side].isEndTold, self[side].isFinished else { return }
        self[side].isOpen = false
        connection.closed(side)
    }

    // MARK: Actions

    private func perform(at now: Instant? = nil) {
        while let action = connection.nextAction() {
            switch action {
            case .connect: effects.append(.connect)
            case .resume(let side): if let now { pump(side, at: now) }
            case .answer(let error, let toHead): send(error.response(toHead: toHead), to: .downstream)
            case .finish(let side): finish(side)
            case .close(let side): close(side)
            case .reset(let side): reset(side)
            case .discard(let side):
                self[side].isDiscarding = true
                self[side].held = []
                if let now { pump(side, at: now) }
            case .arm(let timer):
                armed[timer, default: 0] += 1
                effects.append(.arm(timer, armed[timer] ?? 0))
            case .cancel(let timer): armed[timer, default: 0] += 1
            case .retire: isRetired = true
            // Only a forward proxy does these.
            case .route, .establish, .repeatRequest: break
            }
        }
    }

    private func finish(_ side: Side) {
        guard self[side].isOpen else { return }
        self[side].isFinished = true
        effects.append(.send(side, .end))
        if side == channel { connection.sent(side) }
        closeIfDone(side)
    }

    private func close(_ side: Side) {
        if !self[side].isFinished { finish(side) }
        guard side == channel, self[side].isOpen else { return }
        self[side].isOpen = false
        connection.closed(side)
    }

    private func reset(_ side: Side) {
        if side == .upstream { unsent = nil }
        guard self[side].isOpen else { return }
        self[side] = Link(isOpen: false)
        effects.append(.send(side, .reset))
    }

    private subscript(side: Side) -> Link {
        get {
            switch side {
            case .downstream: downstream
            case .upstream: upstream
            }
        }
        set {
            switch side {
            case .downstream: downstream = newValue
            case .upstream: upstream = newValue
            }
        }
    }
}
