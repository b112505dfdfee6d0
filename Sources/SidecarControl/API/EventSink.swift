import NIOCore
import NIOHTTP1
import PosternModel

/// How a request is answered.
enum ControlOutcome: Sendable {
    /// By one response.
    case reply(ControlReply)
    /// By events (WHATWG HTML §9.2) that `start` sends, now and later.
    case events(fields: [String: String], start: @Sendable (EventSink) -> Void)
}

/// Where the events of one response go. May be used from any loop; what comes behind the end is dropped.
struct EventSink: Sendable {
    /// Below the idle time-outs of whatever stands between.
    private static let silence = TimeAmount.seconds(15)

    private let channel: any Channel

    init(_ channel: any Channel) {
        self.channel = channel
        let task = channel.eventLoop.scheduleRepeatedTask(initialDelay: Self.silence, delay: Self.silence) { _ in
            Self.write(": still here\n\n", to: channel)
        }
        channel.closeFuture.whenComplete { _ in task.cancel() }
    }

    /// Whether its reader takes what it is sent.
    var isWritable: Bool { channel.isActive && channel.isWritable }

    /// Done when its reader is gone, or the end was sent.
    var closed: EventLoopFuture<Void> { channel.closeFuture }

    /// One event of the kind `event`, with a document on one line.
    func send(_ event: String, _ document: String) {
        Self.write("event: \(event)\ndata: \(document)\n\n", to: channel)
    }

    /// Ends the response, and the connection with it.
    func end() {
        channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { [channel] _ in
            channel.close(promise: nil)
        }
    }

    private static func write(_ text: String, to channel: any Channel) {
        channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: text))), promise: nil)
    }
}
