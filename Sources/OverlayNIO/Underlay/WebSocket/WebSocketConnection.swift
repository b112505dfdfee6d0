import NIOCore
import NIOWebSocket
import OverlayCore
import OverlayWire

/// One WebSocket connection: frames to packets and back (RFC 6455 §5).
final class WebSocketConnection: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Which end of the connection this is: a client masks what it sends (RFC 6455 §5.1).
    enum Role {
        case client
        case server
    }

    /// What comes from the connection.
    enum Event {
        /// A binary message.
        case packet(ByteBuffer)
        /// Everything was passed on that could be read now.
        case rested
        /// The last event.
        case closed
    }

    /// Silence after which a connection is given up: nodes keep theirs alive more often.
    static let longestSilence = TimeAmount.seconds(120)
    /// Bytes that wait for TCP before packets are dropped, and at which they are taken again. 256 KiB is a fifth of a
    /// second at 10 Mbit/s.
    static let highWater = 256 << 10
    static let lowWater = 128 << 10
    /// RFC 6455 §7.4.1.
    private static let unsupportedData = WebSocketErrorCode.unacceptableData

    private let role: Role
    private let tell: (Event) -> Void
    private var context: ChannelHandlerContext?
    /// The beginning of a message that comes in fragments (RFC 6455 §5.4).
    private var beginning: ByteBuffer?

    init(role: Role, tell: @escaping (Event) -> Void) {
        self.role = role
        self.tell = tell
    }

    /// The address at the other end of TCP.
    var remoteAddress: Endpoint? { context?.channel.remoteAddress.flatMap { Endpoint($0) } }

    /// Sends the packets that stand one behind the other in `bytes`, as far as there is room. Returns how many there
    /// was none for.
    func send(_ bytes: UnsafeRawBufferPointer, segmentSize: Int) -> Int {
        var crowdedOut = 0
        var offset = 0
        while offset < bytes.count {
            let end = min(offset + max(segmentSize, 1), bytes.count)
            if let context, context.channel.isWritable {
                let data = ByteBuffer(bytes: bytes[offset..<end])
                write(.binary, data, in: context)
            } else {
                crowdedOut += 1
            }
            offset = end
        }
        context?.flush()
        return crowdedOut
    }

    /// Closes the connection with a goodbye. The result comes when that is done; nil when it is over already.
    func close() -> EventLoopFuture<Void>? {
        guard let context else { return nil }
        let closed = context.channel.closeFuture
        end(.goingAway, in: context)
        return closed
    }

    // MARK: ChannelInboundHandler

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = Self.unwrapInboundIn(data)
        // RFC 6455 §5.1: what a client sends is masked, what a server sends is not.
        guard (frame.maskKey != nil) == (role == .server) else { return end(.protocolError, in: context) }
        switch frame.opcode {
        case .binary where beginning == nil, .continuation where beginning != nil:
            receive(frame, in: context)
        case .binary, .continuation:
            end(.protocolError, in: context)
        case .ping:
            write(.pong, frame.unmaskedData, in: context)
            context.flush()
        case .pong:
            break
        case .connectionClose:
            end(.normalClosure, in: context)
        case _:
            end(Self.unsupportedData, in: context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        tell(.rested)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        tell(.closed)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            end(.goingAway, in: context)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: Frames

    private func receive(_ frame: WebSocketFrame, in context: ChannelHandlerContext) {
        var message = beginning ?? ByteBuffer()
        var part = frame.unmaskedData
        guard message.readableBytes + part.readableBytes <= Node.maximumPacketSize else {
            return end(.messageTooLarge, in: context)
        }
        if beginning == nil, frame.fin { return tell(.packet(part)) }
        message.writeBuffer(&part)
        beginning = frame.fin ? nil : message
        if frame.fin { tell(.packet(message)) }
    }

    private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer, in context: ChannelHandlerContext) {
        let mask: WebSocketMaskingKey? =
            switch role {
            case .client: .random()
            case .server: nil
            }
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: mask, data: data)
        context.write(Self.wrapOutboundOut(frame), promise: nil)
    }

    /// Says goodbye and closes (RFC 6455 §5.5.1).
    private func end(_ code: WebSocketErrorCode, in context: ChannelHandlerContext) {
        var reason = ByteBuffer()
        reason.write(webSocketErrorCode: code)
        write(.connectionClose, reason, in: context)
        context.flush()
        context.close(promise: nil)
    }
}
