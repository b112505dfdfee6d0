import NIOCore
import NIOPosix

/// Both ends of plain HTTP/1.1 for the bench: a server that answers every POST with 300 bytes, and clients that ask
/// again as soon as they have the answer. On threads of their own.
final class HTTPLoad {
    static let bodySize = 300

    /// Where the server listens.
    let upstream: SocketAddress
    private let serverGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let clientGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let server: any Channel

    init() throws {
        server = try ServerBootstrap(group: serverGroup)
            .serverChannelOption(.backlog, value: 512)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AnsweringServer())
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .wait()
        guard let address = server.localAddress else { throw BenchError("the upstream is not bound") }
        upstream = address
    }

    /// Opens `count` connections to `address` and keeps each busy.
    func connect(_ count: Int, to address: SocketAddress) throws -> HTTPClients {
        let eventLoop = clientGroup.next()
        let log = try eventLoop.submit { NIOLoopBound(LatencyLog(), eventLoop: eventLoop) }.wait()
        let port = address.port ?? 0
        let channels = try (0..<count).map { _ in
            try ClientBootstrap(group: clientGroup)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(AskingClient(port: port, log: log.value))
                    }
                }
                .connect(to: address)
                .wait()
        }
        return HTTPClients(channels: channels, log: log)
    }

    func stop() throws {
        try server.close().wait()
        try clientGroup.syncShutdownGracefully()
        try serverGroup.syncShutdownGracefully()
    }
}

/// Connections that ask again and again.
struct HTTPClients {
    let channels: [any Channel]
    let log: NIOLoopBound<LatencyLog>

    /// Latencies of the answers that come within `seconds`, in microseconds, sorted.
    func run(for seconds: Double) throws -> [Double] {
        let log = log
        try log.eventLoop.submit { log.value.latencies.removeAll(keepingCapacity: true) }.wait()
        sleepSeconds(seconds)
        let (latencies, failure) = try log.eventLoop.submit { (log.value.latencies, log.value.failure) }.wait()
        if let failure { throw BenchError(failure) }
        guard !latencies.isEmpty else { throw BenchError("no request was answered") }
        return latencies.sorted()
    }

    /// Returns once `count` requests or a few more are answered.
    func run(requests count: Int) throws {
        let log = log
        while true {
            let (answered, failure) = try log.eventLoop.submit { (log.value.latencies.count, log.value.failure) }.wait()
            if let failure { throw BenchError(failure) }
            if answered >= count { return }
            sleepSeconds(0.01)
        }
    }

    func close() throws {
        for channel in channels { try channel.close().wait() }
    }
}

/// What the clients of one loop saw.
final class LatencyLog {
    var latencies: [Double] = []
    var failure: String?
}

/// Cuts a connection's bytes into messages: a head, and a body of ``HTTPLoad/bodySize`` bytes.
private struct MessageSplitter {
    private var buffer = ByteBuffer()

    /// Takes `bytes` and returns how many messages are complete now, or nil when one does not begin with `start`.
    mutating func take(_ bytes: inout ByteBuffer, start: StaticString) -> Int? {
        buffer.writeBuffer(&bytes)
        var count = 0
        while let size = firstMessageSize(), size <= buffer.readableBytes {
            let isExpected = buffer.withUnsafeReadableBytes { $0.starts(with: Self.bytes(start)) }
            guard isExpected else { return nil }
            buffer.moveReaderIndex(forwardBy: size)
            count += 1
        }
        buffer.discardReadBytes()
        return count
    }

    /// The size of the message at the front, once its head is there.
    private func firstMessageSize() -> Int? {
        buffer.withUnsafeReadableBytes { bytes in
            let lineFeed = UInt8(ascii: "\n")
            for position in bytes.indices.dropFirst(3) where bytes[position] == lineFeed {
                guard bytes[position - 2] == lineFeed else { continue }
                return position + 1 + HTTPLoad.bodySize
            }
            return nil
        }
    }

    private static func bytes(_ text: StaticString) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}

/// Answers every POST.
private final class AnsweringServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var splitter = MessageSplitter()
    private static let answer = ByteBuffer(
        string: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(HTTPLoad.bodySize)\r\n\r\n"
            + String(repeating: "a", count: HTTPLoad.bodySize)
    )

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard let count = splitter.take(&bytes, start: "POST ") else {
            context.close(promise: nil)
            return
        }
        for _ in 0..<count { context.write(wrapOutboundOut(Self.answer), promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }
}

/// Asks, and asks again when the answer is there.
private final class AskingClient: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: ByteBuffer
    private let log: LatencyLog
    private var splitter = MessageSplitter()
    private var askedAt = NIODeadline.now()

    init(port: Int, log: LatencyLog) {
        request = ByteBuffer(
            string: "POST /call HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(HTTPLoad.bodySize)\r\n\r\n" + String(repeating: "q", count: HTTPLoad.bodySize)
        )
        self.log = log
    }

    func channelActive(context: ChannelHandlerContext) {
        ask(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard let count = splitter.take(&bytes, start: "HTTP/1.1 200 ") else {
            log.failure = "a request was not answered with 200"
            context.close(promise: nil)
            return
        }
        guard count > 0 else { return }
        log.latencies.append(Double((NIODeadline.now() - askedAt).nanoseconds) / 1000)
        ask(context)
    }

    private func ask(_ context: ChannelHandlerContext) {
        askedAt = .now()
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }
}
