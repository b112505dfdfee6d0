import GatewayCore
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A TCP connection as one side of a proxied connection: a client's, or the one to an agent.
final class ChannelLink: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What is done with what comes.
    private enum Mode {
        case passing
        case discarding
        /// Nobody is told of it any more.
        case detached
    }

    /// How far the sending half is.
    private enum Output {
        case open
        /// The end waits for what was written before.
        case finishing(closesInput: Bool)
        case finished
    }

    private let side: ProxyConnection.Side
    private let proxy: ProxyHandler
    private let activated: (ChannelLink) -> Void
    private var context: ChannelHandlerContext?
    private var mode = Mode.passing
    private var output = Output.open
    private var hasEnded = false
    private var hasFailed = false

    /// - Parameter activated: called once the connection is established, if it is still wanted by then.
    init(_ side: ProxyConnection.Side, of proxy: ProxyHandler, activated: @escaping (ChannelLink) -> Void) {
        self.side = side
        self.proxy = proxy
        self.activated = activated
    }

    var isOpen: Bool { context != nil }

    // MARK: What the proxy wants

    func read() {
        context?.read()
    }

    func write(_ bytes: ByteBuffer) {
        context?.write(Self.wrapOutboundOut(bytes), promise: nil)
    }

    func flush() {
        context?.flush()
    }

    /// Closes the sending half behind what was written.
    func finish() {
        guard case .open = output else { return }
        end(closesInput: false)
    }

    /// Closes the connection behind what was written.
    func close() {
        switch output {
        case .open: end(closesInput: true)
        case .finishing: output = .finishing(closesInput: true)
        case .finished: context?.close(promise: nil)
        }
    }

    // NIO drops unsent bytes when both halves are closed, so the end waits for them.
    private func end(closesInput: Bool) {
        guard let context else { return }
        output = .finishing(closesInput: closesInput)
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer()), promise: written)
        written.futureResult.assumeIsolated().whenSuccess { self.wroteEverything() }
    }

    private func wroteEverything() {
        guard let context, case .finishing(let closesInput) = output else { return }
        output = .finished
        context.close(mode: closesInput ? .all : .output, promise: nil)
        guard isAttached else { return }
        proxy.sent(side)
    }

    /// Closes the connection with a reset instead of an end. One that is not established yet is closed when it is.
    func reset() {
        mode = .detached
        guard let context else { return }
        if let options = context.channel as? any SocketOptionProvider {
            options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenFailure { _ in }
        }
        context.abort()
    }

    func discard() {
        guard isAttached else { return }
        mode = .discarding
        if !hasEnded { context?.read() }
    }

    /// Whether the proxy wants to hear of it.
    var isAttached: Bool {
        switch mode {
        case .passing, .discarding: true
        case .detached: false
        }
    }

    // MARK: What the channel tells

    func channelActive(context: ChannelHandlerContext) {
        guard isAttached else { return context.close(promise: nil) }
        self.context = context
        activated(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch mode {
        case .passing: proxy.take(Self.unwrapInboundIn(data), from: side)
        case .discarding, .detached: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch mode {
        case .passing:
            proxy.pump(side)
            proxy.settle()
        case .discarding: if !hasEnded { context.read() }
        case .detached: break
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard isAttached else { return }
        proxy.setBlocked(side, !context.channel.isWritable)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent, isAttached else { return }
        hasEnded = true
        proxy.ended(side)
        proxy.settle()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        hasFailed = true
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        guard isAttached else { return }
        mode = .detached
        switch output {
        case .finished where !hasFailed:
            // NIO tells the end of the other side by this alone when our half is closed already.
            if !hasEnded { proxy.ended(side) }
            proxy.closed(side)
        case .open, .finishing, .finished: proxy.lost(side, .connectionBroke)
        }
    }

    // MARK: What a program tells

    /// The program that the link stands for has said all.
    func ended() {
        context = nil
        guard isAttached else { return }
        mode = .detached
        if !hasEnded { proxy.ended(side) }
        proxy.closed(side)
    }

    /// The program takes no more for now, or takes more again.
    func setBlocked(_ isBlocked: Bool) {
        guard isAttached else { return }
        proxy.setBlocked(side, isBlocked)
    }
}
