import NIOCore
import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore
@testable import OverlayNIO

@Suite(.timeLimit(.minutes(1)))
struct OverlayStreamTests {
    private static let port = VirtualPort(80)

    @Test func `a stream carries bytes both ways and ends when both sides have finished`() async throws {
        try await OverlayPair.run { pair in
            let echo = EchoHandler()
            pair.serverObserver.accept = { _, port in port == Self.port ? echo : nil }
            let handler = CollectingHandler(pair.client.eventLoop)
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            stream.write(ByteBuffer(string: "hello"))
            stream.write(ByteBuffer(string: ", world"))
            stream.finish()
            return handler.ended.futureResult.assumeIsolated().map { end in
                #expect(end == .finished)
                #expect(String(buffer: handler.received) == "hello, world")
                #expect(handler.sawEnd)
                #expect(stream.isAtEnd)
                #expect(stream.read() == nil)
            }.nonisolated()
        }
    }

    @Test func `a megabyte comes back whole and in order`() async throws {
        try await OverlayPair.run { pair in
            pair.serverObserver.accept = { _, _ in EchoHandler() }
            let handler = CollectingHandler(pair.client.eventLoop)
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            let sent = ByteBuffer(bytes: (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
            var rest = sent
            while let part = rest.readSlice(length: min(70_001, rest.readableBytes)), part.readableBytes > 0 {
                stream.write(part)
            }
            stream.finish()
            return handler.ended.futureResult.assumeIsolated().map { end in
                #expect(end == .finished)
                #expect(handler.received == sent)
                // Loopback carries the largest packets there are (RFC 8899).
                #expect(pair.client.path(to: pair.serverKey)?.packetSize == Node.maximumPacketSize)
                #expect(pair.server.path(to: pair.clientKey)?.packetSize == Node.maximumPacketSize)
                #expect(pair.client.underlayFailures.sends == 0)
            }.nonisolated()
        }
    }

    // RFC 9000 §13.4
    @Test(arguments: ["127.0.0.1", "::1"])
    func `packets in batches carry congestion marks, and the peer counts them rightly`(host: String) async throws {
        try await OverlayPair.run(on: host) { pair in
            pair.serverObserver.accept = { _, _ in EchoHandler() }
            let handler = CollectingHandler(pair.client.eventLoop)
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            stream.write(ByteBuffer(repeating: 7, count: 1 << 20))
            stream.finish()
            return handler.ended.futureResult.assumeIsolated().map { end in
                #expect(end == .finished)
                #expect(handler.received.readableBytes == 1 << 20)
                #expect(pair.client.path(to: pair.serverKey)?.ecn.isCapable == true)
                #expect(pair.server.path(to: pair.clientKey)?.ecn.isCapable == true)
                #expect(pair.client.underlayFailures.sends == 0)
            }.nonisolated()
        }
    }

    @Test func `an unread stream stops being writable and holds what was written`() async throws {
        var settings = OverlayNode.Settings.defaults
        settings.node.sendBuffer = 64 << 10
        settings.node.streamWindow = 64 << 10
        settings.node.maxStreamWindow = 64 << 10
        settings.streamHighWater = 100_000
        settings.streamLowWater = 10_000
        try await OverlayPair.run(settings: settings) { pair in
            let lazy = LazyHandler()
            pair.serverObserver.accept = { _, _ in lazy }
            let handler = CollectingHandler(pair.client.eventLoop)
            handler.onWritable = { $0.finish() }
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            var written = 0
            while stream.isWritable {
                stream.write(ByteBuffer(repeating: 7, count: 10_000))
                written += 10_000
                try #require(written < 1_000_000)
            }
            #expect(written > 100_000)
            lazy.onReadable = { $0.startReading() }
            let expected = written
            return lazy.finished(on: pair.client.eventLoop).assumeIsolated().map { count in
                #expect(count == expected)
                #expect(handler.calls == ["writable"])
                #expect(stream.isWritable)
            }.nonisolated()
        }
    }

    @Test func `the more waits in all streams, the less a further one may let wait`() async throws {
        var settings = OverlayNode.Settings.defaults
        settings.node.sendBuffer = 64 << 10
        settings.node.streamWindow = 64 << 10
        settings.node.maxStreamWindow = 64 << 10
        settings.maxWaiting = 1 << 20
        try await OverlayPair.run(settings: settings) { pair in
            pair.serverObserver.accept = { _, _ in LazyHandler() }
            let handler = CollectingHandler(pair.client.eventLoop)
            let part = ByteBuffer(repeating: 7, count: 4096)
            var streams: [OverlayStream] = []
            for _ in 0..<200 {
                let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
                streams.append(stream)
                while stream.isWritable { stream.write(part) }
            }
            #expect(pair.client.waitingMemory.byteCount > 1 << 19)
            #expect(pair.client.waitingMemory.byteCount <= 1 << 20 + 200 * 4096)
            for stream in streams { stream.reset(.aborted) }
            #expect(pair.client.waitingMemory.byteCount == 0)
            return pair.client.eventLoop.makeSucceededVoidFuture()
        }
    }

    @Test func `a stream that nobody accepts is reset with no such port`() async throws {
        try await OverlayPair.run { pair in
            let handler = CollectingHandler(pair.client.eventLoop)
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            stream.write(ByteBuffer(string: "anybody?"))
            return handler.ended.futureResult.map { end in #expect(end == .reset(.noSuchPort)) }
        }
    }

    @Test func `a reset reaches the other side with its code, and each side hears one end`() async throws {
        try await OverlayPair.run { pair in
            let served = CollectingHandler(pair.server.eventLoop)
            pair.serverObserver.accept = { _, _ in served }
            let handler = CollectingHandler(pair.client.eventLoop)
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            stream.write(ByteBuffer(string: "x"))
            served.onReadable = { $0.reset(ErrorCode(77)) }
            let both = handler.ended.futureResult.and(served.ended.futureResult)
            return both.assumeIsolated().flatMap { first, second in
                #expect(first == .reset(ErrorCode(77)))
                #expect(second == .reset(ErrorCode(77)))
                // A round trip later nobody has heard more.
                return pair.client.ping(pair.serverKey)
            }.map { _ in
                #expect(handler.calls.filter { $0 == "ended" }.count == 1)
                #expect(served.calls.filter { $0 == "ended" }.count == 1)
                stream.write(ByteBuffer(string: "dropped"))
                #expect(stream.read() == nil)
            }.nonisolated()
        }
    }

    @Test func `a peer that stops reading is told apart from one that is gone`() async throws {
        try await OverlayPair.run { pair in
            let served = CollectingHandler(pair.server.eventLoop)
            pair.serverObserver.accept = { _, _ in served }
            served.onReadable = { $0.stopReading(ErrorCode(9)) }
            let echo = EchoHandler()
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: echo)
            stream.write(ByteBuffer(string: "x"))
            let stopped = pair.client.eventLoop.makePromise(of: Void.self)
            poll(pair.client, until: { echo.stopCode != nil }, stopped)
            return stopped.futureResult.assumeIsolated().map {
                #expect(echo.stopCode == ErrorCode(9))
                #expect(echo.end == nil)
            }.nonisolated()
        }
    }

    @Test func `streams end when the peer is expelled, at both ends`() async throws {
        try await OverlayPair.run { pair in
            let served = CollectingHandler(pair.server.eventLoop)
            pair.serverObserver.accept = { _, _ in served }
            let handler = CollectingHandler(pair.client.eventLoop)
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            stream.write(ByteBuffer(string: "x"))
            served.onReadable = { _ in pair.server.expel(pair.clientKey, code: .refused) }
            return handler.ended.futureResult.and(served.ended.futureResult).assumeIsolated().map { first, second in
                #expect(first == .sessionLost(.refused))
                #expect(second == .sessionLost(.refused))
                #expect(
                    pair.serverObserver.changes.contains { if case .lost(.refused, _) = $0 { true } else { false } }
                )
            }.nonisolated()
        }
    }

    @Test func `streams of a node that stops end at both sides`() async throws {
        try await OverlayPair.run { pair in
            let served = CollectingHandler(pair.server.eventLoop)
            pair.serverObserver.accept = { _, _ in served }
            let handler = CollectingHandler(pair.client.eventLoop)
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            stream.write(ByteBuffer(string: "x"))
            served.onReadable = { _ in _ = pair.server.stop() }
            return handler.ended.futureResult.and(served.ended.futureResult).map { first, second in
                #expect(first == .sessionLost(.shutdown))
                #expect(second == .sessionLost(.shutdown))
            }
        }
    }

    @Test func `a stream to an unknown peer cannot be opened`() async throws {
        try await OverlayPair.run { pair in
            let handler = CollectingHandler(pair.client.eventLoop)
            #expect(throws: OverlayError.unknownPeer) {
                _ = try pair.client.openStream(to: pair.clientKey, port: Self.port, handler: handler)
            }
            return pair.client.eventLoop.makeSucceededVoidFuture()
        }
    }
}

/// Reads nothing until told to.
final class LazyHandler: OverlayStreamHandler {
    var onReadable: (LazyHandler) -> Void = { _ in }
    private var stream: OverlayStream?
    private var isReading = false
    private var count = 0
    private var done: EventLoopPromise<Int>?

    /// The number of bytes that came before the end.
    func finished(on eventLoop: any EventLoop) -> EventLoopFuture<Int> {
        let promise = eventLoop.makePromise(of: Int.self)
        done = promise
        return promise.futureResult
    }

    func startReading() {
        isReading = true
        drain()
    }

    func streamReadable(_ stream: OverlayStream) {
        self.stream = stream
        if isReading { drain() } else { onReadable(self) }
    }

    func streamWritable(_ stream: OverlayStream) {}
    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {}

    private func drain() {
        while let bytes = stream?.read() { count += bytes.readableBytes }
        guard stream?.isAtEnd == true else { return }
        done?.succeed(count)
        done = nil
    }
}

/// Completes `promise` at the end of the first turn of the loop in which `condition` holds.
func poll(_ node: OverlayNode, until condition: @escaping () -> Bool, _ promise: EventLoopPromise<Void>) {
    if condition() { return promise.succeed() }
    node.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { poll(node, until: condition, promise) }
}
