import GatewayCore
import NIOCore
import OverlayCore
import OverlayNIO
import PosternModel

/// Services of kind `udp`: local UDP ports for those of peers, and sockets towards ours. Each client of a port is one
/// conversation, with a socket of its own at the service; what finds no room is dropped and counted.
final class DatagramRelay {
    /// A conversation, as a peer names it.
    struct FlowID: Hashable {
        let peer: NodeKey
        let port: VirtualPort
        let number: UInt32
    }

    unowned let gateway: Gateway
    /// Flows of peers to services of ours.
    private var served: [FlowID: ServedFlow] = [:]
    /// Flows of clients here to services of peers.
    private var reached: [UInt32: ReachedFlow] = [:]
    private var lastNumber = UInt32.random(in: .min ... .max)
    /// How many take datagrams from a port of the overlay.
    private var users: [VirtualPort: Int] = [:]
    private var sweep: RepeatedTask?

    /// How often flows are looked at that may be silent.
    private static let sweepInterval = TimeAmount.seconds(15)

    init(gateway: Gateway) {
        self.gateway = gateway
    }

    // MARK: The overlay

    /// Datagrams for `port` are taken from now on, until ``close(_:)`` was called as often.
    func open(_ port: VirtualPort) {
        users[port, default: 0] += 1
        if users[port] == 1 { gateway.node.openDatagramPort(port) }
    }

    func close(_ port: VirtualPort) {
        users[port, default: 1] -= 1
        guard users[port] == 0 else { return }
        users[port] = nil
        gateway.node.closeDatagramPort(port)
    }

    /// A datagram of the overlay came from `peer`.
    func receive(_ datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {
        guard let part = DatagramPart(datagram.readableBytesUInt8Span) else { return gateway.noteDropped() }
        let bytes = Array(datagram.readableBytesView.dropFirst(DatagramPart.headSize))
        if part.isAnswer {
            guard let flow = reached[part.flow], flow.isOf(peer, port) else { return gateway.noteDropped() }
            flow.receive(part, bytes)
        } else {
            let id = FlowID(peer: peer, port: port, number: part.flow)
            guard let flow = served[id] ?? serve(id) else { return gateway.noteDropped() }
            flow.receive(part, bytes)
        }
    }

    /// Sends a datagram of a flow to `peer`, in one or two of the overlay's.
    func send(_ bytes: ByteBuffer, _ part: DatagramPart, to peer: NodeKey, port: VirtualPort) {
        let parts = part.divide(bytes.readableBytes, limit: Node.maximumDatagramSize)
        guard let parts else { return gateway.noteDropped() }
        gateway.noteCarried()
        for (part, range) in parts {
            var datagram = ByteBuffer(bytes: part.bytes)
            datagram.writeImmutableBuffer(
                bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
            )
            gateway.node.sendDatagram(datagram, to: peer, port: port)
        }
    }

    // MARK: Flows

    /// The flow that a peer begins, if it may.
    private func serve(_ id: FlowID) -> ServedFlow? {
        guard let exposure = gateway.admitFlow(of: id.peer, to: id.port) else { return nil }
        let flow = ServedFlow(id, exposure: exposure, relay: self)
        served[id] = flow
        flow.begin()
        watch()
        return flow
    }

    /// A new number for the flow of a client here.
    func insert(_ flow: ReachedFlow) -> UInt32 {
        repeat { lastNumber &+= 1 } while reached[lastNumber] != nil
        reached[lastNumber] = flow
        watch()
        return lastNumber
    }

    func remove(_ flow: ServedFlow) {
        guard served.removeValue(forKey: flow.id) != nil else { return }
        gateway.releaseFlow(of: flow.id.peer, to: flow.exposure)
    }

    func remove(_ flow: ReachedFlow) {
        guard reached.removeValue(forKey: flow.number) != nil else { return }
        gateway.releaseClient()
    }

    /// Whatever waited for `peer` goes on.
    func noteSession(with peer: NodeKey) {
        for flow in reached.values { flow.peerCame(peer) }
    }

    /// The right of `peer` to be here has ended; nil: of all.
    func end(_ peer: NodeKey?) {
        for flow in Array(served.values) where peer == nil || flow.id.peer == peer { flow.end() }
        for flow in Array(reached.values) where peer == nil || flow.isOf(peer) { flow.end() }
        if peer == nil { restIfIdle() }
    }

    /// Ends the flows of peers that `isOver` says are over.
    func endServed(where isOver: (FlowID) -> Bool) {
        for flow in Array(served.values) where isOver(flow.id) { flow.end() }
    }

    /// Ends flows that have been silent for long, as long as there are any.
    private func watch() {
        guard sweep == nil else { return }
        let relay = NIOLoopBound(self, eventLoop: gateway.eventLoop)
        sweep = gateway.eventLoop.scheduleRepeatedTask(
            initialDelay: Self.sweepInterval,
            delay: Self.sweepInterval
        ) { _ in relay.value.endSilent() }
    }

    private func endSilent() {
        let limit = NIODeadline.now() - gateway.settings.flowTimeout
        for flow in Array(served.values) where flow.lastUse < limit { flow.end() }
        for flow in Array(reached.values) where flow.lastUse < limit { flow.end() }
        restIfIdle()
    }

    private func restIfIdle() {
        guard served.isEmpty, reached.isEmpty else { return }
        sweep?.cancel()
        sweep = nil
    }
}
