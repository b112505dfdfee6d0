import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayNIO

@Suite(.timeLimit(.minutes(1)))
struct OverlayNodeTests {
    private static let port = VirtualPort(80)

    @Test func `both sides learn of the session, and the server of the replay floor`() async throws {
        try await OverlayPair.run { pair in
            pair.client.connect(pair.serverKey)
            let both = pair.client.eventLoop.makePromise(of: Void.self)
            poll(
                pair.client,
                until: { !pair.clientObserver.changes.isEmpty && !pair.serverObserver.changes.isEmpty },
                both
            )
            return both.futureResult.assumeIsolated().map {
                #expect(pair.clientObserver.changes.contains(.established(isInitiator: true)))
                #expect(pair.serverObserver.changes.contains(.established(isInitiator: false)))
                #expect(pair.serverObserver.replayFloors.isEmpty == false)
                #expect(pair.client.peerStatus(of: pair.serverKey)?.isConnected == true)
                #expect(pair.client.peerStatus().count == 1)
            }.nonisolated()
        }
    }

    @Test func `a ping tells round trip and path`() async throws {
        try await OverlayPair.run { pair in
            pair.client.ping(pair.serverKey).assumeIsolated().map { result in
                #expect(result.roundTrip > .zero)
                #expect(result.path == pair.server.boundEndpoints.first)
            }.nonisolated()
        }
    }

    @Test func `a ping to an unknown peer fails at once`() async throws {
        try await OverlayPair.run { pair in
            pair.client.ping(pair.clientKey).map { _ in
                Issue.record("the ping was answered")
            }.flatMapErrorThrowing { error in
                #expect(error as? OverlayError == .unknownPeer)
            }
        }
    }

    @Test func `pings without an answer fail after the time for it`() async throws {
        var settings = OverlayNode.Settings.defaults
        settings.pingTimeout = .milliseconds(50)
        try await OverlayPair.run(settings: settings) { pair in
            pair.server.stop().assumeIsolated().flatMap {
                pair.client.ping(pair.serverKey)
            }.map { _ in
                Issue.record("the ping was answered")
            }.flatMapErrorThrowing { error in
                #expect(error as? OverlayError == .timedOut)
                let waiting = pair.client.pings.values.reduce(0) { $0 + $1.count }
                #expect(waiting == 0)
            }.nonisolated()
        }
    }

    @Test func `datagrams arrive by port`() async throws {
        try await OverlayPair.run { pair in
            let arrived = pair.client.eventLoop.makePromise(of: (String, VirtualPort).self)
            pair.server.openDatagramPort(Self.port)
            pair.serverObserver.onDatagram = { arrived.succeed((String(buffer: $0), $1)) }
            pair.clientObserver.onSession = { key, change in
                guard case .established = change else { return }
                pair.client.sendDatagram(ByteBuffer(string: "tick"), to: key, port: Self.port)
            }
            pair.client.connect(pair.serverKey)
            return arrived.futureResult.map { text, port in
                #expect(text == "tick")
                #expect(port == Self.port)
            }
        }
    }

    @Test func `what many streams write in one turn leaves in few packets`() async throws {
        try await OverlayPair.run { pair in
            pair.serverObserver.accept = { _, _ in EchoHandler() }
            return pair.client.ping(pair.serverKey).assumeIsolated().flatMap { _ in
                let before = pair.client.statistics.packetsSent
                var ends: [EventLoopFuture<StreamEnd>] = []
                for _ in 0..<50 {
                    let handler = CollectingHandler(pair.client.eventLoop)
                    guard
                        let stream = try? pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
                    else { continue }
                    stream.write(ByteBuffer(string: "a small request"))
                    stream.finish()
                    ends.append(handler.ended.futureResult)
                }
                #expect(ends.count == 50)
                return EventLoopFuture.whenAllSucceed(ends, on: pair.client.eventLoop).map { (before, $0) }
            }.map { before, ends in
                #expect(ends.allSatisfy { $0 == .finished })
                // 50 requests of 15 bytes are two packets; acknowledgements and a tail loss probe come on top.
                #expect(pair.client.statistics.packetsSent - before < 20)
            }.nonisolated()
        }
    }

    @Test func `handlers may open, write, reset and expel from inside their callbacks`() async throws {
        try await OverlayPair.run { pair in
            pair.serverObserver.accept = { stream, _ in
                // Writing before the observer has even returned.
                stream.write(ByteBuffer(string: "welcome"))
                return EchoHandler()
            }
            let loop = pair.client.eventLoop
            let last = CollectingHandler(loop)
            let second = CollectingHandler(loop)
            let first = CollectingHandler(loop)
            first.onReadable = { stream in
                guard let next = try? pair.client.openStream(to: pair.serverKey, port: Self.port, handler: second)
                else {
                    Issue.record("a stream cannot be opened in a callback")
                    return
                }
                next.write(ByteBuffer(string: "nested"))
                next.finish()
                stream.reset(ErrorCode(3))
            }
            second.onEnded = { _ in
                guard let next = try? pair.client.openStream(to: pair.serverKey, port: Self.port, handler: last) else {
                    Issue.record("a stream cannot be opened in the last callback of another")
                    return
                }
                next.write(ByteBuffer(string: "and again"))
                pair.client.expel(pair.serverKey, code: .refused)
                // The key is admitted again while the ends of its former streams are still to be told.
                pair.client.admit(
                    PeerConfiguration(key: pair.serverKey, candidates: Candidate.hosts(pair.server.boundEndpoints))
                )
                next.write(ByteBuffer(string: "into the void"))
            }
            _ = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: first)
                .write(ByteBuffer(string: "start"))
            let ends = [first, second, last].map(\.ended.futureResult)
            return EventLoopFuture.whenAllSucceed(ends, on: loop).assumeIsolated().map { ends in
                #expect(ends == [.reset(ErrorCode(3)), .finished, .sessionLost(.refused)])
                #expect(String(buffer: second.received) == "welcomenested")
            }.nonisolated()
        }
    }

    @Test func `a socket that closes is opened anew on its port and streams go on`() async throws {
        try await OverlayPair.run { pair in
            pair.serverObserver.accept = { _, _ in EchoHandler() }
            let handler = CollectingHandler(pair.client.eventLoop)
            let before = pair.client.boundEndpoints
            let stream = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
            handler.onReadable = { stream in
                handler.onReadable = { _ in }
                pair.client.udp.sockets[0].channel?.close(promise: nil)
                stream.write(ByteBuffer(string: "second"))
                stream.finish()
            }
            stream.write(ByteBuffer(string: "first "))
            return handler.ended.futureResult.assumeIsolated().flatMapThrowing { end in
                #expect(end == .finished)
                #expect(String(buffer: handler.received) == "first second")
                #expect(pair.client.underlayFailures.reopened == 1)
                // The same port, unless somebody took it in between.
                for (old, new) in zip(before, pair.client.boundEndpoints) where old != new {
                    let address = try #require(old.socketAddress)
                    #expect(throws: (any Error).self) { try DatagramSocket(binding: address, bufferSize: 4096) }
                }
            }.nonisolated()
        }
    }

    @Test func `a node on two addresses answers from the one it was asked at`() async throws {
        try await OverlayPair.run { pair in
            var settings = pair.settings
            settings.listen = try ["127.0.0.1", "127.0.0.2"].map { try SocketAddress(ipAddress: $0, port: 0) }
            let identity = try NodeIdentity(seed: Array(repeating: 3, count: 32))
            let other = OverlayNode(
                eventLoop: pair.client.eventLoop,
                identity: identity,
                settings: settings,
                logger: pair.client.log
            )
            return other.start().assumeIsolated().flatMap { bound in
                other.admit(PeerConfiguration(key: pair.clientKey))
                let second = bound.compactMap { Endpoint($0) }.suffix(1)
                pair.client.admit(PeerConfiguration(key: identity.key, candidates: Candidate.hosts(second)))
                return pair.client.ping(identity.key)
            }.flatMap { result in
                #expect(result.path == other.boundEndpoints.last)
                return other.stop()
            }.nonisolated()
        }
    }

    @Test func `a node that was stopped does nothing more`() async throws {
        try await OverlayPair.run { pair in
            pair.client.stop().assumeIsolated().flatMap {
                let handler = CollectingHandler(pair.client.eventLoop)
                #expect(throws: OverlayError.notRunning) {
                    _ = try pair.client.openStream(to: pair.serverKey, port: Self.port, handler: handler)
                }
                pair.client.connect(pair.serverKey)
                #expect(pair.client.boundEndpoints.isEmpty)
                return pair.client.ping(pair.serverKey)
            }.map { _ in
                Issue.record("the ping was answered")
            }.flatMapErrorThrowing { error in
                #expect(error as? OverlayError == .notRunning)
            }.nonisolated()
        }
    }

    @Test func `a node does not start on an address that is taken`() async throws {
        try await OverlayPair.run { pair in
            var settings = OverlayNode.Settings.defaults
            settings.listen = pair.server.boundEndpoints.compactMap(\.socketAddress)
            let other = OverlayNode(
                eventLoop: pair.client.eventLoop,
                identity: try .init(seed: Array(repeating: 3, count: 32)),
                settings: settings,
                logger: pair.client.log
            )
            return other.start().map { _ in
                Issue.record("two sockets on one port")
            }.flatMapErrorThrowing { error in
                #expect(error is IOError)
            }
        }
    }
}
