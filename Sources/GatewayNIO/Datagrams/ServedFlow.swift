import GatewayCore
import NIOCore
import NIOPosix
import OverlayNIO
import PosternModel

/// One conversation of a peer with a service of ours: a UDP socket towards it.
final class ServedFlow: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = ByteBuffer

    let id: DatagramRelay.FlowID
    let exposure: Exposure
    private let relay: DatagramRelay
    private var channel: (any Channel)?
    private var joiner = DatagramJoiner()
    private var lastID: UInt16 = 0
    /// What waits for the socket.
    private var waiting: [ByteBuffer] = []
    private var hasEnded = false
    private(set) var lastUse = NIODeadline.now()

    /// Datagrams that wait for a socket, at most.
    private static let waitingLimit = 16

    init(_ id: DatagramRelay.FlowID, exposure: Exposure, relay: DatagramRelay) {
        self.id = id
        self.exposure = exposure
        self.relay = relay
    }

    /// Opens the socket.
    func begin() {
        let upstream = exposure.upstream(for: .service)
        let handler = NIOLoopBound(self, eventLoop: relay.gateway.eventLoop)
        let bootstrap = DatagramBootstrap(group: relay.gateway.eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 2048))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
        let connected =
            upstream.address.map { bootstrap.connect(to: $0) }
            ?? bootstrap.connect(host: upstream.place.host, port: Int(upstream.place.port))
        connected.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel): self.opened(channel)
            case .failure(let error): self.failed(error)
            }
        }
    }

    private func opened(_ channel: any Channel) {
        guard !hasEnded else { return channel.close(promise: nil) }
        self.channel = channel
        exposure.note(failure: nil)
        for bytes in waiting { channel.writeAndFlush(bytes, promise: nil) }
        waiting = []
    }

    private func failed(_ error: any Error) {
        relay.gateway.noteDropped(waiting.count)
        exposure.note(failure: "no UDP socket: \(error)")
        end()
    }

    /// A datagram of the peer, or a part of it.
    func receive(_ part: DatagramPart, _ bytes: [UInt8]) {
        let (whole, lostCount) = joiner.join(part, bytes)
        relay.gateway.noteDropped(lostCount)
        guard let whole else { return }
        lastUse = .now()
        relay.gateway.noteCarried()
        if let channel {
            channel.writeAndFlush(ByteBuffer(bytes: whole), promise: nil)
        } else if waiting.count < Self.waitingLimit {
            waiting.append(ByteBuffer(bytes: whole))
        } else {
            relay.gateway.noteDropped()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data).data
        lastUse = .now()
        lastID &+= 1
        let part = DatagramPart(isAnswer: true, flow: id.number, id: lastID)
        relay.send(bytes, part, to: id.peer, port: id.port)
    }

    // A service that is not there is told by the system, and is one that does not answer.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        relay.gateway.noteDropped()
    }

    func channelInactive(context: ChannelHandlerContext) {
        channel = nil
        end()
    }

    /// Nothing more is carried.
    func end() {
        guard !hasEnded else { return }
        hasEnded = true
        relay.remove(self)
        channel?.close(promise: nil)
    }
}
