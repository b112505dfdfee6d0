import GatewayCore
import PosternModel

/// What happens to a call through the gateways.
enum GatewayStep {
    /// The next piece comes out of the pipe.
    case delivery(GatewayCall.Pipe)
    case timer(GatewayCall.End, ProxyConnection.Timer, Int)
    /// The agent's port answers the attempt to connect, or refuses it.
    case agent(isThere: Bool)
    case answer(HTTPReader.Message)
    case request
    case leave
}

// Calls through the gateways: clients, two of the product's connections, and agents.
extension SystemWorld {
    /// How long a piece is on its way within a host.
    private static let hop = Interval.microseconds(100) ... .milliseconds(5)
    /// How long what ended in order or was lost may still be open in a gateway.
    static let gatewayPatience = Interval.seconds(30)

    /// A client's connection begins, whose stream will be the number `index`.
    mutating func beginCall(_ index: Int) {
        let call = GatewayCall(number: index, peer: sidecars[streams[index].server].key, seed: plan.seed)
        gatewayCalls[index] = call
        schedule(.gateway(index, .request))
    }

    mutating func step(_ index: Int, _ step: GatewayStep) {
        guard let call = gatewayCalls[index] else { return }
        switch step {
        case .delivery(let pipe): deliver(pipe, of: call, index)
        case .timer(.reach, let timer, let number): call.reach.fire(timer, number)
        case .timer(.expose, let timer, let number): call.expose?.fire(timer, number)
        case .agent(let isThere):
            if isThere {
                call.agent.connect()
                call.expose?.connected()
            } else {
                call.expose?.connectFailed(.agentRefused("agent"))
            }
        case .answer(let request): answer(request, of: call, index)
        case .request: ask(call, index)
        case .leave:
            guard !call.client.isOver else { return }
            call.client.leave()
            put(.end, into: .clientToReach, of: call, index)
        }
        settle(call, index)
    }

    // MARK: Client and agent

    private mutating func ask(_ call: GatewayCall, _ index: Int) {
        guard let request = call.client.nextRequest(&call.random) else {
            return schedule(.gateway(index, .leave), in: call.random.interval(in: .zero ... .seconds(3)))
        }
        let split = call.random.below(request.count)
        put(.bytes(Array(request[..<split])), into: .clientToReach, of: call, index)
        put(.bytes(Array(request[split...])), into: .clientToReach, of: call, index)
    }

    private mutating func receiveAtClient(_ piece: Piece, of call: GatewayCall, _ index: Int) {
        for message in call.client.receive(piece) {
            let expected = "\(call.client.nonce) \(sidecars[streams[index].client].key.did)"
            switch message.status {
            case 200?:
                if message.body != expected {
                    violate(.calls, "call \(index) is answered with \(message.body), not \(expected)")
                }
            case let status?:
                // An answer of the gateways says that it is theirs, and ends the connection.
                if message.field("postern-error") == nil { violate(.calls, "call \(index) has a \(status) of nobody") }
            case nil:
                violate(.calls, "call \(index) is answered with \(message.startLine)")
            }
            report.answerCount += 1
            schedule(.gateway(index, .request), in: call.random.interval(in: .zero ... .seconds(2)))
        }
    }

    private mutating func receiveAtAgent(_ piece: Piece, of call: GatewayCall, _ index: Int) {
        guard call.agent.isConnected else { return }
        switch piece {
        case .bytes(let bytes):
            for request in call.agent.receive(bytes) {
                let nonce = request.field("nonce") ?? "none"
                if !gatewayRequests.insert(nonce).inserted {
                    violate(.calls, "request \(nonce) reaches an agent twice")
                }
                let caller = sidecars[streams[index].client].key.did
                if request.field("postern-peer") != caller {
                    violate(.calls, "request \(nonce) of \(caller) is told as another's")
                }
                let wait = call.random.interval(in: .milliseconds(1) ... .seconds(8))
                schedule(.gateway(index, .answer(request)), in: wait)
            }
        case .end: put(.end, into: .agentToExpose, of: call, index)
        case .reset: call.agent.disconnect()
        }
    }

    private mutating func answer(_ request: HTTPReader.Message, of call: GatewayCall, _ index: Int) {
        guard call.agent.isConnected else { return }
        let manner: CalledAgent.Manner =
            switch call.random.below(20) {
            case 0: .brokenOff
            case 1: .closing
            case 2...6: .chunked
            case _: .whole
            }
        put(.bytes(CalledAgent.answer(to: request, manner)), into: .agentToExpose, of: call, index)
        switch manner {
        case .whole, .chunked: return
        case .closing: put(.end, into: .agentToExpose, of: call, index)
        case .brokenOff: put(.reset, into: .agentToExpose, of: call, index)
        }
        call.agent.disconnect()
    }

    // MARK: Pipes

    private mutating func put(_ piece: Piece, into pipe: GatewayCall.Pipe, of call: GatewayCall, _ index: Int) {
        call.put(piece, into: pipe)
        let delay =
            switch pipe {
            case .reachToExpose, .exposeToReach: call.random.interval(in: Self.latency)
            case .clientToReach, .exposeToAgent, .agentToExpose, .reachToClient: call.random.interval(in: Self.hop)
            }
        schedule(.gateway(index, .delivery(pipe)), in: delay)
    }

    private mutating func deliver(_ pipe: GatewayCall.Pipe, of call: GatewayCall, _ index: Int) {
        let stream = streams[index]
        switch pipe {
        case .reachToExpose where stream.atServer == .waiting, .exposeToReach where !isPassable(stream),
            .reachToExpose where !isPassable(stream):
            // Kept until it arrives, or the stream has ended where it goes.
            guard (pipe == .exposeToReach ? stream.atClient : stream.atServer) != .ended else { return }
            return schedule(.gateway(index, .delivery(pipe)), in: .milliseconds(200))
        case .clientToReach, .reachToExpose, .exposeToAgent, .agentToExpose, .exposeToReach, .reachToClient: break
        }
        guard let piece = call.take(from: pipe) else { return }
        switch pipe {
        case .clientToReach: if !call.isReachDead { call.reach.receive(piece, from: .downstream, at: now) }
        case .reachToExpose:
            if stream.atServer == .open { call.expose?.receive(piece, from: .downstream, at: now) }
        case .exposeToAgent: receiveAtAgent(piece, of: call, index)
        case .agentToExpose: if !call.isExposeDead { call.expose?.receive(piece, from: .upstream, at: now) }
        case .exposeToReach:
            if stream.atClient != .ended { call.reach.receive(piece, from: .upstream, at: now) }
        case .reachToClient: receiveAtClient(piece, of: call, index)
        }
    }

    private func isPassable(_ stream: ServiceStream) -> Bool {
        canMeet(.sidecar(stream.client), .sidecar(stream.server))
    }

    /// Does what both gateways want.
    private mutating func settle(_ call: GatewayCall, _ index: Int) {
        for effect in call.reach.takeEffects() where !call.isReachDead {
            switch effect {
            case .send(.downstream, let piece): put(piece, into: .reachToClient, of: call, index)
            case .send(.upstream, let piece): put(piece, into: .reachToExpose, of: call, index)
            case .connect where streams[index].atClient == .waiting:
                openStream(of: index)
                call.reach.connected()
            // The session was lost before the client asked for anything.
            case .connect: call.reach.connectFailed(.peerAway("s\(streams[index].server)"))
            case .arm(let timer, let number): arm(timer, number, .reach, index)
            }
        }
        for effect in call.expose?.takeEffects() ?? [] where !call.isExposeDead {
            switch effect {
            case .send(.downstream, let piece): put(piece, into: .exposeToReach, of: call, index)
            case .send(.upstream, let piece): put(piece, into: .exposeToAgent, of: call, index)
            case .connect:
                let isThere = call.random.happens(0.95)
                schedule(.gateway(index, .agent(isThere: isThere)), in: call.random.interval(in: Self.hop))
            case .arm(let timer, let number): arm(timer, number, .expose, index)
            }
        }
        if call.reach.isRetired { streams[index].end(at: .sidecar(streams[index].client), now) }
        if call.expose?.isRetired == true { streams[index].end(at: .sidecar(streams[index].server), now) }
    }

    private mutating func arm(_ timer: ProxyConnection.Timer, _ number: Int, _ end: GatewayCall.End, _ index: Int) {
        let wait: Interval =
            switch timer {
            case .patience: .seconds(4)
            case .linger: .seconds(2)
            case .head: .seconds(10)
            case .events: .seconds(3)
            }
        schedule(.gateway(index, .timer(end, timer, number)), in: wait)
    }

    // MARK: The stream between

    /// The service admits the stream.
    mutating func exposeCall(_ index: Int) {
        guard let call = gatewayCalls[index] else { return }
        let stream = streams[index]
        let caller = plan.flaw == .mistakesCallers ? stream.server : stream.client
        call.expose = GatewayEnd(exposing: Self.services[stream.service], to: sidecars[caller].key)
        settle(call, index)
    }

    /// The service does not admit it.
    mutating func refuseCall(_ index: Int) {
        guard let call = gatewayCalls[index] else { return }
        call.reach.loseTrust(in: "s\(streams[index].server)")
        settle(call, index)
    }

    /// The service does not admit it any longer.
    mutating func cutCall(_ index: Int) {
        guard let call = gatewayCalls[index] else { return }
        call.expose?.cut()
        settle(call, index)
    }

    /// The session of the stream is over at `program`, or the sidecar itself is down.
    mutating func loseCall(_ index: Int, at program: ProgramID) {
        guard let call = gatewayCalls[index], case .sidecar(let number) = program else { return }
        guard number == streams[index].client || number == streams[index].server else { return }
        guard plan.flaw != .keepsCalls else { return }
        let isDown = sidecars[number].life == nil
        if number == streams[index].client {
            if isDown {
                if !call.isReachDead { put(.reset, into: .reachToClient, of: call, index) }
                call.isReachDead = true
            } else {
                call.reach.receive(.reset, from: .upstream, at: now)
            }
        } else if isDown {
            if !call.isExposeDead { put(.reset, into: .exposeToAgent, of: call, index) }
            call.isExposeDead = true
        } else {
            call.expose?.receive(.reset, from: .downstream, at: now)
        }
        settle(call, index)
    }

    /// What ended some time ago is gone from both gateways.
    mutating func inspectGateways() {
        for (index, call) in gatewayCalls.sorted(by: { $0.key < $1.key }) {
            guard let ended = streams[index].ended, ended + Self.gatewayPatience < now else { continue }
            if call.isOver {
                gatewayCalls[index] = nil
            } else {
                let end = call.reach.isRetired || call.isReachDead ? "exposing" : "reaching"
                violate(.calls, "call \(index) is over, and the \(end) gateway keeps it")
            }
        }
    }
}
