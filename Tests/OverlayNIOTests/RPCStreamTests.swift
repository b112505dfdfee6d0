import NIOCore
import OverlayCore
import OverlayWire
import PosternModel
import Testing

@testable import OverlayNIO

@Suite(.timeLimit(.minutes(1)))
struct RPCStreamTests {
    private static let port = VirtualPort(1)

    /// The answer to one call of `pair`'s client.
    private static func ask(
        _ document: JSONValue,
        _ pair: OverlayPair,
        limits: RPCClientStream.Limits = .defaults
    ) throws -> EventLoopFuture<JSONValue?> {
        let promise = pair.client.eventLoop.makePromise(of: JSONValue?.self)
        try RPCClientStream.ask(document, of: pair.serverKey, port: port, on: pair.client, limits: limits) {
            promise.succeed($0)
        }
        return promise.futureResult
    }

    /// A stream on which `text` was written and that is not finished, and how it ends.
    private static func begin(
        _ text: String,
        _ pair: OverlayPair
    ) throws -> (stream: OverlayStream, end: EventLoopFuture<StreamEnd>) {
        let handler = CollectingHandler(pair.client.eventLoop)
        let stream = try pair.client.openStream(to: pair.serverKey, port: port, handler: handler)
        stream.write(ByteBuffer(string: text))
        return (stream, handler.ended.futureResult)
    }

    private static func serve(_ pair: OverlayPair, _ limits: RPCServer.Limits = .defaults) {
        let server = RPCServer(limits: limits) { call, document in
            guard let document else { return call.answer("no JSON") }
            document == "refuse" ? call.refuse(.refused) : call.answer(["heard": document])
        }
        pair.serverObserver.accept = { stream, _ in server.accept(stream) }
    }

    @Test func `a call carries one document there and one back`() async throws {
        try await OverlayPair.run { pair in
            Self.serve(pair)
            return try Self.ask(["do": "something"], pair).map { #expect($0 == ["heard": ["do": "something"]]) }
        }
    }

    @Test func `what is not JSON is told apart from silence, and a refusal is no answer`() async throws {
        try await OverlayPair.run { pair in
            Self.serve(pair)
            let handler = CollectingHandler(pair.client.eventLoop)
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            stream.write(ByteBuffer(string: "{"))
            stream.finish()
            let refused = try Self.ask("refuse", pair)
            return handler.ended.futureResult.and(refused).assumeIsolated().map { _, answer in
                #expect(String(buffer: handler.received) == "\"no JSON\"")
                #expect(answer == nil)
            }.nonisolated()
        }
    }

    @Test func `a request that is never finished ends after a while, and others are served meanwhile`() async throws {
        try await OverlayPair.run { pair in
            var limits = RPCServer.Limits.defaults
            limits.patience = .milliseconds(100)
            Self.serve(pair, limits)
            let (_, end) = try Self.begin("{\"half\":", pair)
            let (_, silent) = try Self.begin("", pair)
            let other = try Self.ask(1, pair)
            return end.and(silent).and(other).map { ends, answer in
                #expect(ends.0 == .reset(.aborted))
                #expect(ends.1 == .reset(.aborted))
                #expect(answer == ["heard": 1])
            }
        }
    }

    @Test func `one node has so many unfinished requests, and room again when one is done`() async throws {
        try await OverlayPair.run { pair in
            var limits = RPCServer.Limits.defaults
            limits.unfinishedPerPeer = 2
            Self.serve(pair, limits)
            let first = try Self.begin("1", pair)
            let second = try Self.begin("2", pair)
            let third = try Self.begin("3", pair)
            return third.end.assumeIsolated().flatMap { end in
                #expect(end == .reset(.overLimit))
                first.stream.finish()
                return first.end
            }.flatMapThrowing { end in
                #expect(end == .finished)
                return try Self.ask(4, pair)
            }.flatMap { $0 }.flatMap { answer in
                #expect(answer == ["heard": 4])
                second.stream.reset(.none)
                return second.end.map { _ in }
            }.nonisolated()
        }
    }

    @Test func `a request that is too long is refused before it is whole`() async throws {
        try await OverlayPair.run { pair in
            var limits = RPCServer.Limits.defaults
            limits.request = JSONLimits(depth: 4, byteCount: 1_000)
            Self.serve(pair, limits)
            let tooLong = try Self.begin(String(repeating: "1", count: 1_001), pair)
            return tooLong.end.map { #expect($0 == .reset(.overLimit)) }
        }
    }

    @Test func `unfinished requests that are too long together lose one of them`() async throws {
        try await OverlayPair.run { pair in
            var limits = RPCServer.Limits.defaults
            limits.heldByteCount = 1_500
            Self.serve(pair, limits)
            let first = try Self.begin(String(repeating: "1", count: 900), pair)
            let second = try Self.begin(String(repeating: "1", count: 900), pair)
            let lost = pair.client.eventLoop.makePromise(of: StreamEnd.self)
            first.end.cascade(to: lost)
            second.end.cascade(to: lost)
            return lost.futureResult.assumeIsolated().flatMap { (end: StreamEnd) in
                #expect(end == .reset(.overLimit))
                first.stream.finish()
                second.stream.finish()
                return first.end.and(second.end)
            }.map { (ends: (StreamEnd, StreamEnd)) in
                #expect(Set([ends.0, ends.1]) == [.finished, .reset(.overLimit)])
            }.nonisolated()
        }
    }

    @Test func `an answer that is too long or too late is none`() async throws {
        try await OverlayPair.run { pair in
            var held: [RPCServerStream] = []
            let server = RPCServer { call, document in
                if document == "wait" { held.append(call) } else { call.answer(["heard": document ?? nil]) }
            }
            pair.serverObserver.accept = { stream, _ in server.accept(stream) }
            let small = RPCClientStream.Limits(answerSize: 100, patience: .seconds(5))
            let hasty = RPCClientStream.Limits(answerSize: 100, patience: .milliseconds(50))
            let long = try Self.ask(.string(String(repeating: "x", count: 200)), pair, limits: small)
            let late = try Self.ask("wait", pair, limits: hasty)
            return long.and(late).map { #expect($0 == nil && $1 == nil) }
        }
    }

    @Test func `a call to nobody fails at once`() async throws {
        try await OverlayPair.run { pair in
            #expect(throws: OverlayError.unknownPeer) {
                try RPCClientStream.ask(1, of: pair.clientKey, port: Self.port, on: pair.client) { _ in
                    Issue.record("there is nobody to answer")
                }
            }
            return pair.client.eventLoop.makeSucceededVoidFuture()
        }
    }
}

@Suite(.timeLimit(.minutes(1)))
struct EventStreamTests {
    private static let port = VirtualPort(2)

    /// Serves event streams on `pair`'s server: `opened` gets each, and `ended` hears of its end.
    private static func serve(
        _ pair: OverlayPair,
        bound: Int = 1_000,
        opened: @escaping (EventStream.Writer) -> Void,
        ended: @escaping () -> Void = {}
    ) {
        pair.serverObserver.accept = { stream, _ in
            let writer = EventStream.Writer(stream, bound: bound) { _ in ended() }
            opened(writer)
            return writer
        }
    }

    @Test func `events arrive in order, whatever packets they come in`() async throws {
        try await OverlayPair.run { pair in
            let events = (0..<500).map { JSONValue.string(String(repeating: "\($0) ", count: $0)) }
            Self.serve(pair) { writer in for event in events { writer.tell(event) } }
            let done = pair.client.eventLoop.makePromise(of: Void.self)
            var heard: [JSONValue?] = []
            _ = try EventStream.Reader.open(to: pair.serverKey, port: Self.port, on: pair.client, limit: 65_536) {
                heard.append($1)
                if heard.count == events.count { $0.close() }
            } ended: { _ in
                #expect(heard == events)
                done.succeed()
            }
            return done.futureResult
        }
    }

    @Test func `a line that is no JSON is told as such, and one without an end ends the stream`() async throws {
        try await OverlayPair.run { pair in
            pair.serverObserver.accept = { stream, _ in
                stream.write(ByteBuffer(string: "1\n?\n2\n" + String(repeating: "x", count: 101)))
                return EchoHandler()
            }
            let done = pair.client.eventLoop.makePromise(of: Void.self)
            var heard: [JSONValue?] = []
            _ = try EventStream.Reader.open(to: pair.serverKey, port: Self.port, on: pair.client, limit: 100) {
                heard.append($1)
            } ended: { _ in
                #expect(heard == [1, nil, 2])
                done.succeed()
            }
            return done.futureResult
        }
    }

    @Test func `a node that does not read loses its stream when too many events wait`() async throws {
        try await OverlayPair.run { pair in
            let done = pair.client.eventLoop.makePromise(of: Void.self)
            let event = JSONValue.string(String(repeating: "x", count: 10_000))
            Self.serve(pair, bound: 5) { writer in
                for _ in 0..<10_000 { writer.tell(event) }
            } ended: {
                done.succeed()
            }
            let silent = CollectingHandler(pair.client.eventLoop)
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: silent)
            stream.write(ByteBuffer(string: " "))
            return done.futureResult.and(silent.ended.futureResult).map { #expect($1 == .reset(.overLimit)) }
        }
    }
}
