import GatewayCore
import PosternModel

/// One proxied connection, from either end, under everything that can happen to it in any order. It must come to rest,
/// say once that it is over, and ask for nothing behind that.
enum ProxyOperations {
    static func receive(_ bytes: [UInt8]) {
        var choices = Choices(bytes)
        let world = choices.byte() % 2 == 0 ? ConnectionUnderFire.reaching() : .exposing()
        while !choices.isEmpty { world.step(&choices) }
        world.end()
    }
}

private final class ConnectionUnderFire {
    private var connection: ProxyConnection
    private var now = Instant(nanoseconds: 1_000_000_000)
    private var isRetired = false

    private static let reachPolicy = ForwardingPolicy.reach(ReachPolicy(names: OwnNames(), offersUpgrade: true))

    private static let requests = [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe", "llo", "GET / HTTP/1.1\r\nHo", "\0",
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n", "0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ]
    private static let responses = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nok\r\n", "0\r\n\r\n", "SSH-2.0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "\0",
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    ]

    private init(_ connection: consuming ProxyConnection) { self.connection = connection }

    static func reaching() -> ConnectionUnderFire {
        ConnectionUnderFire(ProxyConnection(reaching: "bob", scratch: HeadScratch()))
    }

    static func exposing() -> ConnectionUnderFire {
        guard let name = ServiceName("planner") else { preconditionFailure("the name is valid") }
        let service = ExposedService(
            service: Service(name: name, port: VirtualPort(80), kind: .a2a),
            upstream: .loopback(9999)
        )
        let policy = ForwardingPolicy.expose(
            ExposePolicy(service, did: "did:key:zAlice", peerName: nil, network: nil)
        )
        return ConnectionUnderFire(ProxyConnection(exposing: "planner", policy: policy, scratch: HeadScratch()))
    }

    func step(_ choices: inout Choices) {
        let side: ProxyConnection.Side = choices.byte() % 2 == 0 ? .downstream : .upstream
        switch choices.byte() % 18 {
        case 0, 1, 2: offerRequests(choices.pick(Self.requests))
        case 3, 4, 5: offerResponses(choices.pick(Self.responses))
        case 6: connection.resolved(.ready(Self.reachPolicy))
        case 7: connection.resolved(.ready(.passthrough))
        case 8: connection.resolved(.unavailable(.noSuchService("bob"), Self.reachPolicy))
        case 9: connection.notePeer(isPresent: choices.byte() % 2 == 0)
        case 10: connection.ended(side)
        case 11: connection.setBlocked(side, choices.byte() % 2 == 0)
        case 12: choices.byte() % 4 == 0 ? connection.connectFailed(.agentRefused("planner")) : connection.connected()
        case 13: connection.stopped(side)
        case 14: connection.sent(side)
        case 15: connection.closed(side)
        case 16: choices.byte() % 2 == 0 ? connection.drain() : pass(&choices)
        default: lose(side, &choices)
        }
        perform()
    }

    private func offerRequests(_ text: String) {
        guard connection.wantsInput(from: .downstream) else { return }
        let bytes = Array(text.utf8)
        let count = connection.receiveRequests(bytes.span, at: now)
        precondition(count >= 0 && count <= bytes.count, "no more is taken than was given")
    }

    private func offerResponses(_ text: String) {
        guard connection.wantsInput(from: .upstream) else { return }
        connection.receiveResponses(Array(text.utf8).span)
    }

    private func pass(_ choices: inout Choices) {
        now = now + .seconds(Int64(choices.byte()))
        switch choices.byte() % 3 {
        case 0: connection.patienceEnded(peerIsPresent: choices.byte() % 2 == 0, unresolved: Self.reachPolicy)
        case 1: connection.lingerEnded()
        default: connection.giveUp(requestsSince: now - .seconds(4))
        }
    }

    private func lose(_ side: ProxyConnection.Side, _ choices: inout Choices) {
        switch (side, choices.byte() % 4) {
        case (.downstream, _): connection.lostDownstream()
        case (.upstream, 0): connection.lostUpstream(.agentBroke("planner"), .broken)
        case (.upstream, 1): connection.lostUpstream(.peerRestarted("bob"), .unavailable)
        case (.upstream, 2): connection.cutForTrust()
        case (.upstream, _): connection.cut()
        }
    }

    /// Both ends are gone: nothing may be left.
    func end() {
        connection.lostDownstream()
        perform()
        connection.lostUpstream(.agentBroke("planner"), .broken)
        perform()
        connection.closed(.downstream)
        connection.closed(.upstream)
        perform()
        precondition(isRetired, "a connection without ends is over")
    }

    private func perform() {
        var count = 0
        while let action = connection.nextAction() {
            count += 1
            precondition(count < 100, "a connection comes to rest")
            precondition(!isRetired || isHarmless(action), "a connection that is over asks for nothing")
            if action == .retire { isRetired = true }
        }
    }

    private func isHarmless(_ action: ProxyConnection.Action) -> Bool {
        if case .cancel = action { true } else { false }
    }
}
