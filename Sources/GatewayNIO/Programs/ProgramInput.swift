import NIOCore

/// The standard input of a program. What is written after the program has closed it is dropped.
final class ProgramInput: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        /// The pipe is not open yet: what is to be written, and whether that is all.
        case opening(unsent: [(ByteBuffer, EventLoopPromise<Void>?)], isClosed: Bool)
        case open(ChannelHandlerContext)
        case closed
    }

    private var state = State.opening(unsent: [], isClosed: false)
    /// Called with whether there is room for more.
    var changedWritability: (Bool) -> Void = { _ in }

    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        switch state {
        case .opening(var unsent, let isClosed):
            unsent.append((bytes, promise))
            state = .opening(unsent: unsent, isClosed: isClosed)
        case .open(let context): context.write(Self.wrapOutboundOut(bytes), promise: promise)
        case .closed: promise?.succeed()
        }
    }

    func flush() {
        guard case .open(let context) = state else { return }
        context.flush()
    }

    /// Tells the program that no more comes. What was written and has not left yet is lost, unless the caller waited.
    func close() {
        switch state {
        case .opening(let unsent, _): state = .opening(unsent: unsent, isClosed: true)
        case .open(let context): context.close(promise: nil)
        case .closed: break
        }
    }

    /// The pipe could not be opened.
    func abandon() {
        guard case .opening(let unsent, _) = state else { return }
        state = .closed
        for (_, promise) in unsent { promise?.succeed() }
    }

    func channelActive(context: ChannelHandlerContext) {
        guard case .opening(let unsent, let isClosed) = state else { return }
        state = .open(context)
        for (bytes, promise) in unsent { context.write(Self.wrapOutboundOut(bytes), promise: promise) }
        context.flush()
        if isClosed { context.close(promise: nil) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        changedWritability(context.channel.isWritable)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        changedWritability(true)
    }
}
