import GatewayCore
import NIOCore
import NIOPosix
import OverlayNIO
import PosternModel

/// The UDP side of a reach port: each client that sends there has a flow to the peer's service.
final class DatagramPort: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    let service: ReachedService
    let relay: DatagramRelay
    private var context: ChannelHandlerContext?
    private var flows: [SocketAddress: ReachedFlow] = [:]

    /// Clients of one port at a time.
    private static let flowLimit = 1024

    init(_ service: ReachedService, relay: DatagramRelay) {
        self.service = service
        self.relay = relay
    }

    /// Binds the UDP port at `address`.
    func listen(at address: SocketAddress) -> EventLoopFuture<any Channel> {
        let handler = NIOLoopBound(self, eventLoop: relay.gateway.eventLoop)
        return DatagramBootstrap(group: relay.gateway.eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 2048))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
            .bind(to: address)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = Self.unwrapInboundIn(data)
        guard let flow = flows[envelope.remoteAddress] ?? begin(with: envelope.remoteAddress) else {
            return relay.gateway.noteDropped()
        }
        flow.send(envelope.data)
    }

    private func begin(with client: SocketAddress) -> ReachedFlow? {
        guard flows.count < Self.flowLimit, relay.gateway.admitFlow() else { return nil }
        let flow = ReachedFlow(of: client, at: self)
        flows[client] = flow
        flow.begin()
        return flow
    }

    /// Sends to a client here.
    func write(_ bytes: ByteBuffer, to client: SocketAddress) {
        let envelope = AddressedEnvelope(remoteAddress: client, data: bytes)
        context?.writeAndFlush(Self.wrapOutboundOut(envelope), promise: nil)
    }

    func remove(_ client: SocketAddress) {
        flows[client] = nil
    }

    // A client that is gone is told by the system when it is answered: its flow ends by its silence.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        relay.gateway.noteDropped()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        for flow in Array(flows.values) { flow.end() }
    }
}
