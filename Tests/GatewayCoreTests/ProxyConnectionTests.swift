import PosternModel
import Testing

@testable import GatewayCore

/// The life of a connection in virtual time.
@Suite struct ProxyConnectionTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    private func asked(_ world: ConnectionWorld = .reaching()) -> ConnectionWorld {
        world.apply([.peerPresent, .resolved, .request, .connected])
        return world
    }

    @Test func `a request opens the upstream, its response comes back, and nothing more is to be done`() {
        let world = ConnectionWorld.reaching()
        #expect(world.apply(.resolved) == "resume down")
        #expect(world.apply(.request) == "send up, connect")
        #expect(world.apply(.connected) == "resume down, resume up")
        #expect(world.apply(.response) == "send down")
        #expect(world.apply(.request) == "send up")
        #expect(world.apply(.response) == "send down")
        #expect(world.toDownstream == Self.ok + Self.ok)
    }

    @Test func `nothing is read before it is known what is reached`() {
        let world = ConnectionWorld.reaching()
        #expect(!world.wants(.downstream))
        world.apply(.resolved)
        #expect(world.wants(.downstream))
        #expect(!world.wants(.upstream))
    }

    @Test func `a server that speaks first is connected at once, at both ends`() {
        #expect(ConnectionWorld.reaching().apply(.resolvedRaw) == "connect, resume down")
        #expect(ConnectionWorld.exposing(.tcp).apply(.connected) == "connect, resume down, resume up")
        #expect(ConnectionWorld.exposing(.http).apply(.connected) == "")
    }

    @Test func `one batch waits for the upstream to open, and no more is read meanwhile`() {
        let world = ConnectionWorld.reaching()
        world.apply([.resolved, .request])
        #expect(!world.wants(.downstream))
        world.apply(.connected)
        #expect(world.wants(.downstream))
    }

    @Test func `a side that takes no more holds the other back until it takes more`() {
        for (block, unblock, held) in [
            (ConnectionWorld.Input.blockUp, .unblockUp, ProxyConnection.Side.downstream),
            (.blockDown, .unblockDown, .upstream),
        ] as [(ConnectionWorld.Input, ConnectionWorld.Input, ProxyConnection.Side)] {
            let world = asked()
            #expect(world.apply(block) == "")
            #expect(!world.wants(held))
            #expect(world.wants(held.opposite))
            #expect(world.apply(block) == "")
            #expect(world.apply(unblock) == (held == .downstream ? "resume down" : "resume up"))
            #expect(world.wants(held))
            #expect(world.apply(unblock) == "")
        }
    }

    @Test func `requests beyond the pipeline's limit wait for a response`() {
        let world = asked()
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        let count = HTTP1ConnectionState.pipelineLimit
        #expect(world.ask(String(repeating: request, count: count)) == ["send up", "keep \(request.utf8.count)"])
        #expect(!world.wants(.downstream))
        #expect(world.apply(.response) == "send down, resume down")
        #expect(world.wants(.downstream))
    }

    @Test func `a client that ends its half still gets its response, then the end`() {
        let world = asked()
        #expect(world.apply(.endDown) == "finish up")
        #expect(!world.wants(.downstream))
        #expect(world.apply(.response) == "send down")
        #expect(world.apply(.endUp) == "finish down, discard down, discard up")
        #expect(world.apply(.closedUp) == "")
        #expect(world.apply(.closedDown) == "retire")
    }

    @Test func `an end that comes before the upstream is open reaches it when it is`() {
        let world = ConnectionWorld.reaching()
        world.apply([.resolved, .request])
        #expect(world.apply(.endDown) == "")
        #expect(world.apply(.connected) == "finish up, resume down, resume up")
    }

    @Test func `each half of a raw connection ends by itself`() {
        for (first, second) in [(ConnectionWorld.Input.endDown, ConnectionWorld.Input.endUp), (.endUp, .endDown)] {
            let world = ConnectionWorld.reaching()
            world.apply([.resolvedRaw, .connected, .request, .response])
            #expect(world.apply(first) == (first == .endDown ? "finish up" : "finish down"))
            #expect(world.apply(second) == (second == .endDown ? "finish up" : "finish down"))
            #expect(world.apply(.closedDown) == "")
            #expect(world.apply(.closedUp) == "retire")
        }
    }

    @Test func `a response that ends early ends the client's connection behind all that came`() {
        let world = asked()
        world.apply(.halfResponse)
        #expect(world.apply(.endUp) == "reset up, finish down, discard down")
        #expect(world.toDownstream.hasSuffix("\r\n\r\nok"))
        #expect(world.apply(.sentDown) == "arm linger")
        #expect(world.apply(.closedDown) == "cancel linger, retire")
    }

    @Test func `a client is read for a while after the last byte to it, then closed`() {
        let world = asked()
        world.apply([.badResponse, .sentDown])
        #expect(world.deadlines[.linger] == world.now + ConnectionWorld.linger)
        #expect(world.advance(by: Interval(nanoseconds: 1_000_000_000)) == "")
        #expect(world.advance(by: ConnectionWorld.linger) == "close down")
        #expect(world.apply(.closedDown) == "cancel linger, retire")
    }

    @Test func `a client that ends within that time is closed at once`() {
        let world = asked()
        #expect(world.apply([.badResponse, .sentDown, .endDown]) == "close down")
    }

    @Test func `a peer that is away is waited for, then told`() {
        let world = ConnectionWorld.reaching()
        #expect(world.apply(.peerAbsent) == "arm patience")
        world.apply([.resolved, .request, .connected])
        #expect(world.apply(.peerAbsent) == "")
        #expect(
            world.advance(by: ConnectionWorld.patience)
                == "reset up, answer peer-away, finish down, discard down"
        )
    }

    @Test func `a peer that comes in time is not told of`() {
        let world = ConnectionWorld.reaching()
        world.apply([.peerAbsent, .resolved, .request, .connected])
        #expect(world.apply(.peerPresent) == "cancel patience")
        #expect(world.advance(by: ConnectionWorld.patience) == "")
        let late = ConnectionWorld.reaching()
        late.apply([.peerAbsent, .resolved, .request, .connected])
        late.peerIsPresent = true
        #expect(late.advance(by: ConnectionWorld.patience) == "")
    }

    @Test func `a service that nobody tells of is away for who asks for it, and closed for who does not speak HTTP`() {
        let world = ConnectionWorld.reaching()
        world.apply(.peerAbsent)
        #expect(world.advance(by: ConnectionWorld.patience) == "resume down")
        #expect(world.apply(.resolved) == "")
        #expect(world.apply(.request) == "send up, reset up, answer peer-away, finish down, discard down")
        let other = ConnectionWorld.reaching()
        other.apply(.peerAbsent)
        other.advance(by: ConnectionWorld.patience)
        #expect(other.apply(.badRequest) == "reset down, retire")
    }

    @Test func `a silent peer fails requests that it cannot have got, but no older ones`() {
        let world = asked()
        #expect(world.apply(.giveUp) == "reset up, answer peer-away, finish down, discard down")
        let older = asked()
        older.advance(by: Interval(nanoseconds: 5_000_000_000))
        #expect(older.apply(.giveUp) == "")
        let answered = asked()
        answered.apply(.halfResponse)
        #expect(answered.apply(.giveUp) == "")
    }

    @Test func `a drain waits for the response under way, and takes the rest of a request that has begun`() {
        let world = asked()
        #expect(world.ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbo") == ["send up"])
        #expect(world.apply(.drain) == "")
        #expect(world.wants(.downstream))
        #expect(world.ask("dy") == ["send up"])
        #expect(world.apply(.response) == "send down")
        #expect(world.apply(.response) == "send down, finish up, finish down, discard down, discard up")
    }

    @Test func `a peer that reads no more leaves the client its response, then both halves close`() {
        let world = asked()
        #expect(world.apply(.stopUp) == "")
        #expect(world.apply(.response) == "send down")
        #expect(world.apply(.endUp) == "close down, discard down, discard up")
    }

    @Test func `a reset of the first request is told, that of a later one is a reset`() {
        #expect(asked().apply(.brokenUp) == "answer upstream-broken, finish down, discard down")
        let later = asked()
        #expect(later.apply([.response, .request, .brokenUp]) == "reset down, retire")
    }

    @Test func `inputs in any order never trap, and a connection whose sides are gone is retired once`() {
        let inputs = ConnectionWorld.Input.allCases
        for seed in 0..<2_000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let world: ConnectionWorld =
                switch seed % 3 {
                case 0: .reaching()
                case 1: .exposing()
                case _: .exposing(.tcp)
                }
            var log: [String] = []
            for _ in 0..<40 { log.append(world.apply(inputs.randomElement(using: &generator) ?? .cut)) }
            for input in [ConnectionWorld.Input.lostDown, .brokenUp, .connectFailed, .closedUp, .cut] {
                log.append(world.apply(input))
            }
            let actions = log.joined(separator: ", ").split(separator: ", ")
            #expect(world.isRetired, "seed \(seed)")
            #expect(actions.last { $0 != "" } == "retire", "seed \(seed): nothing follows")
            #expect(actions.count { $0 == "retire" } == 1, "seed \(seed)")
            for side in ["down", "up"] {
                #expect(actions.count { $0 == "finish \(side)" } <= 1, "seed \(seed)")
                guard let reset = actions.firstIndex(of: "reset \(side)") else { continue }
                let later = actions[(reset + 1)...]
                #expect(!later.contains { $0.hasSuffix(" \(side)") && !$0.hasPrefix("send") }, "seed \(seed)")
            }
        }
    }
}
