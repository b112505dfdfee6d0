import GatewayCore
import NIOCore
import PosternModel

/// A program of a bridge: lines to it and from it.
final class BridgedProgram: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let identifier: Bridge.ChildID
    private let process: ChildProcess
    /// Nil once nothing of the program is wanted any more.
    private weak var host: BridgeHost?
    let input = ProgramInput()
    private var context: ChannelHandlerContext?
    private var line: [UInt8] = []
    private var isWaiting = false
    private var exit: ProgramExit?
    private var hasEnded = false

    init(_ identifier: Bridge.ChildID, _ process: ChildProcess, host: BridgeHost) {
        self.identifier = identifier
        self.process = process
        self.host = host
    }

    // MARK: What the host wants

    /// Writes one line.
    func send(_ line: [UInt8]) {
        var buffer = ByteBufferAllocator().buffer(capacity: line.count + 1)
        buffer.writeBytes(line)
        buffer.writeInteger(UInt8(ascii: "\n"))
        input.write(buffer, promise: nil)
        input.flush()
    }

    /// Reads on after clients have taken what the program said before.
    func resume() {
        guard isWaiting else { return }
        isWaiting = false
        context?.read()
    }

    /// Ends the program.
    func stop() {
        host = nil
        process.terminate()
        input.close()
        context?.close(promise: nil)
    }

    // MARK: What the pipes tell

    func channelActive(context: ChannelHandlerContext) {
        guard host != nil else { return context.close(promise: nil) }
        self.context = context
        process.whenEnded { exit in
            self.exit = exit
            self.tellEnd()
        }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        var rest = bytes.readableBytesView[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            line += rest[..<end]
            rest = rest[(end + 1)...]
            let complete = line
            line = []
            if complete.contains(where: { $0 > 0x20 }) { host?.said(complete, by: identifier) }
        }
        line += rest
        if let host, line.count > host.messageLimit { giveUp(.stopped("a message of it is too long")) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard let host else { return }
        if host.canRead(identifier) { context.read() } else { isWaiting = true }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return }
        ended(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended(context)
        self.context = nil
    }

    private func ended(_ context: ChannelHandlerContext) {
        guard !hasEnded else { return }
        hasEnded = true
        tellEnd()
        guard exit == nil else { return }
        process.terminate()
    }

    /// Tells the end once it is known how, and everything that was said before was told.
    private func tellEnd() {
        guard hasEnded, let exit else { return }
        giveUp(.exited(exit))
    }

    private func giveUp(_ end: Bridge.End) {
        guard let host else { return }
        stop()
        host.ended(identifier, end)
    }
}
