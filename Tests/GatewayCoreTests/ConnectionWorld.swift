import PosternModel
import TestSupport

@testable import GatewayCore

/// A proxied connection with an owner that does nothing but write down what it is told to do.
final class ConnectionWorld {
    private var connection: ProxyConnection
    private(set) var now = Instant(nanoseconds: 1_000_000_000)
    private(set) var toUpstream = ""
    private(set) var toDownstream = ""
    private(set) var deadlines: [ProxyConnection.Timer: Instant] = [:]
    private(set) var isRetired = false
    var peerIsPresent = false

    /// How long each timer runs here.
    static let patience = Interval(nanoseconds: 4_000_000_000)
    static let head = Interval.seconds(10)
    static let events = Interval.seconds(3)
    static let linger = Interval(nanoseconds: 2_000_000_000)

    private init(_ connection: consuming ProxyConnection) { self.connection = connection }

    /// A client has connected to a service of "bob".
    static func reaching() -> ConnectionWorld {
        ConnectionWorld(ProxyConnection(reaching: "bob", scratch: HeadScratch()))
    }

    /// A client has connected to the forward proxy.
    static func proxying() -> ConnectionWorld {
        ConnectionWorld(ProxyConnection(proxying: HeadScratch()))
    }

    static let reachPolicy = ForwardingPolicy.reach(ReachPolicy(names: OwnNames(), offersUpgrade: true))
    static let unknownPolicy = ForwardingPolicy.reach(
        ReachPolicy(names: OwnNames(), offersUpgrade: false, isKnownToBeHTTP: false)
    )

    /// A peer has opened a stream to our service "planner".
    static func exposing(_ kind: ServiceKind = .a2a) -> ConnectionWorld {
        let service = ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: kind),
            upstream: .loopback(9999)
        )
        let policy: ForwardingPolicy =
            kind.isHTTP
            ? .expose(ExposePolicy(service, did: "did:key:zAlice", peerName: nil, network: nil)) : .passthrough
        return ConnectionWorld(ProxyConnection(exposing: "planner", policy: policy, scratch: HeadScratch()))
    }

    /// What happens to a connection.
    enum Input: Hashable, CaseIterable {
        case resolved, resolvedRaw, unavailable, peerAbsent, peerPresent
        case request, lastRequest, halfRequest, badRequest, response, halfResponse, badResponse
        case endDown, endUp, blockDown, blockUp, unblockDown, unblockUp
        case connected, connectFailed, stopDown, stopUp, sentDown, sentUp
        case closedDown, closedUp, lostDown, brokenUp, goneUp
        case patience, linger, head, drain, cut, cutForTrust, giveUp
    }

    /// Lets `input` happen; returns what the owner has to do, and what it sends.
    @discardableResult
    func apply(_ input: Input) -> String {
        var log: [String] = []
        switch input {
        case .request: log += ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        case .lastRequest: log += ask("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        case .halfRequest: log += ask("GET / HTTP/1.1\r\nHo")
        case .badRequest: log += ask("GET / HTTP/1.1\nHost: localhost\r\n\r\n")
        case .response: log += answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        case .halfResponse: log += answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        case .badResponse: log += answer("SSH-2.0-OpenSSH_9.2\r\n\r\n")
        case .resolved: connection.resolved(.ready(Self.reachPolicy))
        case .resolvedRaw: connection.resolved(.ready(.passthrough))
        case .unavailable: connection.resolved(.unavailable(.noSuchService("bob"), Self.reachPolicy))
        case .peerAbsent: connection.notePeer(isPresent: false)
        case .peerPresent: connection.notePeer(isPresent: true)
        case .endDown: connection.ended(.downstream)
        case .endUp: connection.ended(.upstream)
        case .blockDown: connection.setBlocked(.downstream, true)
        case .blockUp: connection.setBlocked(.upstream, true)
        case .unblockDown: connection.setBlocked(.downstream, false)
        case .unblockUp: connection.setBlocked(.upstream, false)
        case .connected: connection.connected()
        case .connectFailed: connection.connectFailed(.agentRefused("planner"))
        case .stopDown: connection.stopped(.downstream)
        case .stopUp: connection.stopped(.upstream)
        case .sentDown: connection.sent(.downstream)
        case .sentUp: connection.sent(.upstream)
        case .closedDown: connection.closed(.downstream)
        case .closedUp: connection.closed(.upstream)
        case .lostDown: connection.lostDownstream()
        case .brokenUp: connection.lostUpstream(.agentBroke("planner"), .broken)
        case .goneUp: connection.lostUpstream(.peerRestarted("bob"), .unavailable)
        case .patience: fire(.patience)
        case .linger: fire(.linger)
        case .head: fire(.head)
        case .drain: connection.drain()
        case .cut: connection.cut()
        case .cutForTrust: connection.cutForTrust()
        case .giveUp: connection.giveUp(requestsSince: now - Interval(nanoseconds: 4_000_000_000))
        }
        return (log + perform()).joined(separator: ", ")
    }

    /// It is known what a client of the forward proxy reaches; returns what the owner has to do.
    func resolve(_ resolution: ProxyConnection.Resolution) -> String {
        connection.resolved(resolution)
        return perform().joined(separator: ", ")
    }

    /// Offers bytes of the client; returns what the owner sends and has to do.
    func request(_ text: String) -> String { (ask(text) + perform()).joined(separator: ", ") }

    /// Lets `inputs` happen one after the other; returns what came of the last.
    @discardableResult
    func apply(_ inputs: [Input]) -> String { inputs.map { apply($0) }.last ?? "" }

    func wants(_ side: ProxyConnection.Side) -> Bool { connection.wantsInput(from: side) }

    /// Offers bytes of the client; returns what the owner sends for them and how many were left.
    func ask(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        let count = connection.receiveRequests(bytes.span, at: now)
        let sent = sent(bytes)
        toUpstream += sent
        return (sent.isEmpty ? [] : ["send up"]) + (count < bytes.count ? ["keep \(bytes.count - count)"] : [])
    }

    /// Offers bytes of the upstream.
    func answer(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        connection.receiveResponses(bytes.span)
        let sent = sent(bytes)
        toDownstream += sent
        return sent.isEmpty ? [] : ["send down"]
    }

    private func sent(_ bytes: [UInt8]) -> String {
        String(decoding: connection.scratch.plan.bytes(of: bytes.span), as: UTF8.self)
    }

    /// Lets time pass; what is due fires.
    @discardableResult
    func advance(by interval: Interval) -> String {
        now = now + interval
        var log: [String] = []
        let timers: [ProxyConnection.Timer] = [.patience, .linger, .head, .events]
        for timer in timers where (deadlines[timer] ?? .distantFuture) <= now {
            deadlines[timer] = nil
            fire(timer)
            log += perform()
        }
        return log.joined(separator: ", ")
    }

    private func fire(_ timer: ProxyConnection.Timer) {
        switch timer {
        case .patience: connection.patienceEnded(peerIsPresent: peerIsPresent, unresolved: Self.unknownPolicy)
        case .linger: connection.lingerEnded()
        case .head: connection.headEnded()
        case .events:
            connection.eventsSilent()
            toDownstream += sent([])
        }
    }

    private func perform() -> [String] {
        var log: [String] = []
        while let action = connection.nextAction() {
            log.append(Self.text(action))
            switch action {
            case .arm(.patience): deadlines[.patience] = now + Self.patience
            case .arm(.linger): deadlines[.linger] = now + Self.linger
            case .arm(.head): deadlines[.head] = now + Self.head
            case .arm(.events): deadlines[.events] = now + Self.events
            case .cancel(let timer): deadlines[timer] = nil
            case .retire: isRetired = true
            case .repeatRequest(let head): log += ask(String(decoding: head, as: UTF8.self))
            case .connect, .resume, .answer, .finish, .close, .reset, .discard, .route, .establish: break
            }
        }
        return log
    }

    private static func text(_ action: ProxyConnection.Action) -> String {
        switch action {
        case .route(let target): "route \(target.isTunnel ? "tunnel to " : "")\(target.host):\(target.port)"
        case .establish: "establish"
        case .repeatRequest: "repeat"
        case .connect(.service): "connect"
        case .connect(.grpc): "connect to gRPC"
        case .resume(let side): "resume \(text(side))"
        case .answer(let error, let toHead): "answer \(error.code.rawValue)\(toHead ? " to HEAD" : "")"
        case .finish(let side): "finish \(text(side))"
        case .close(let side): "close \(text(side))"
        case .reset(let side): "reset \(text(side))"
        case .discard(let side): "discard \(text(side))"
        case .arm(let timer): "arm \(timer)"
        case .cancel(let timer): "cancel \(timer)"
        case .retire: "retire"
        }
    }

    private static func text(_ side: ProxyConnection.Side) -> String {
        switch side {
        case .downstream: "down"
        case .upstream: "up"
        }
    }
}
