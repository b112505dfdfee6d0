import NIOCore
import NIOPosix
import OverlayCore
import OverlayWire

/// Passes on what NIO reads from one socket: whole receive-offload batches, not single packets.
final class DatagramReceiver: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let socket: DatagramSocket
    /// Both held until the channel closes.
    private let underlay: UDPUnderlay
    private let client: any UnderlayClient
    private var budget: ReadBudget
    private var reads: UInt = 0

    init(socket: DatagramSocket, underlay: UDPUnderlay, client: any UnderlayClient, readsPerTurn: UInt) {
        self.socket = socket
        self.underlay = underlay
        self.client = client
        budget = ReadBudget(maximum: readsPerTurn)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reads += 1
        let envelope = unwrapInboundIn(data)
        guard envelope.data.readableBytes > 0, let remote = Endpoint(envelope.remoteAddress) else { return }
        client.received(
            envelope.data.readableBytesSpan,
            segmentSize: envelope.metadata?.segmentSize ?? envelope.data.readableBytes,
            from: remote,
            to: socket.localEndpoint,
            ecn: ECNCodepoint(envelope.metadata?.ecnState ?? .transportNotCapable)
        )
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        client.receivedAll()
        if budget.note(reads) {
            // Refused by a channel that closes, which reads no more anyway.
            try? context.channel.syncOptions?.setOption(.maxMessagesPerRead, value: budget.limit)
        }
        reads = 0
    }

    func channelInactive(context: ChannelHandlerContext) {
        underlay.closed(socket)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIO goes on after errors that concern one packet and closes the channel after others: see channelInactive.
        client.underlayFailed(error)
    }
}

extension DatagramSocket {
    /// Opens a channel on `eventLoop` that reads from this socket into `receiver`.
    func startReading(into receiver: DatagramReceiver, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let copy: CInt
        do {
            copy = try duplicate()
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
        let owner = NIOLoopBound((receiver, self), eventLoop: eventLoop)
        var bootstrap = DatagramBootstrap(group: eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(owner.value.0)
                }
            }
        if System.supportsUDPReceiveOffload {
            bootstrap =
                bootstrap
                .channelOption(.datagramReceiveOffload, value: true)
                .channelOption(.datagramReceiveSegmentSize, value: true)
        }
        return bootstrap.withBoundSocket(copy).map { channel in
            // Needs the channel's address, so it comes after registration; without it ECN is simply not used.
            channel.setOption(.explicitCongestionNotification, value: true).whenFailure { _ in }
            owner.value.1.adopt(channel)
        }
    }
}

extension ECNCodepoint {
    fileprivate init(_ state: NIOExplicitCongestionNotificationState) {
        switch state {
        case .transportNotCapable: self = .notECT
        case .transportCapableFlag0: self = .ect0
        case .transportCapableFlag1: self = .ect1
        case .congestionExperienced: self = .ce
        }
    }
}
