import NIOCore
import NIOPosix

/// Passes what NIO reads from one socket to the node: whole receive-offload batches, not single packets.
final class DatagramReceiver: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    /// Held until the channel closes: a node lives until it was stopped.
    private let node: OverlayNode
    private let socket: DatagramSocket
    private var budget: ReadBudget
    private var reads: UInt = 0

    init(node: OverlayNode, socket: DatagramSocket) {
        self.node = node
        self.socket = socket
        budget = ReadBudget(maximum: node.settings.readsPerTurn)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reads += 1
        node.received(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        node.receivedAll()
        if budget.note(reads) {
            // Refused by a channel that closes, which reads no more anyway.
            try? context.channel.syncOptions?.setOption(.maxMessagesPerRead, value: budget.limit)
        }
        reads = 0
    }

    func channelInactive(context: ChannelHandlerContext) {
        node.socketClosed(socket)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIO goes on after errors that concern one packet and closes the channel after others: see channelInactive.
        node.underlayFailed(error)
    }
}

extension DatagramSocket {
    /// Opens a channel on `eventLoop` that reads from this socket into `node`.
    func startReading(
        into node: OverlayNode,
        on eventLoop: any EventLoop,
        settings: OverlayNode.Settings
    ) -> EventLoopFuture<Void> {
        let copy: CInt
        do {
            copy = try duplicate()
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
        let owner = NIOLoopBound((node, self), eventLoop: eventLoop)
        var bootstrap = DatagramBootstrap(group: eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (node, socket) = owner.value
                    try channel.pipeline.syncOperations.addHandler(DatagramReceiver(node: node, socket: socket))
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
