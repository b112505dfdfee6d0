import PosternModel
import TestSupport

@testable import GatewayCore

/// A bridge with clients and programs that do what a test says.
struct BridgeWorld {
    var bridge: Bridge
    var now = Instant(nanoseconds: 0)
    private var lastExchange: UInt64 = 0
    private var lastSession = 0

    static let alice = NodeKey(did: "did:key:z6MkmM42vxfqZQsv4ehtTjFFxQ4sQKS2w6WR7emozFAn5cxu")!
    static let bob = NodeKey(did: "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")!

    init(limits: ProgramLimits = .defaults) {
        bridge = Bridge(service: "clock", limits: limits)
    }

    /// What the bridge wants done, one line each.
    mutating func actions() -> [String] {
        var lines: [String] = []
        while let action = bridge.nextAction() {
            switch action {
            case .start(let child, let peer):
                lines.append("start \(child.rawValue) for \(peer == Self.alice ? "alice" : "bob")")
            case .send(let child, let text): lines.append("\(child.rawValue) < \(Self.text(text))")
            case .stop(let child): lines.append("stop \(child.rawValue)")
            case .answer(let exchange, let answer):
                let session = answer.session.map { " \($0)" } ?? ""
                lines.append("#\(exchange.rawValue) \(answer.status)\(session) \(Self.text(answer.body))")
            case .openEvents(let exchange): lines.append("#\(exchange.rawValue) events")
            case .event(let exchange, let text): lines.append("#\(exchange.rawValue) > \(Self.text(text))")
            case .endEvents(let exchange): lines.append("#\(exchange.rawValue) end")
            }
        }
        return lines
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    mutating func ask(_ request: Bridge.Request, of peer: NodeKey = alice) -> [String] {
        lastExchange += 1
        lastSession += 1
        let exchange = Bridge.ExchangeID(lastExchange)
        bridge.receive(request, from: exchange, of: peer, freshID: "S\(lastSession)", at: now)
        return actions()
    }

    mutating func post(_ text: String, session: String? = nil, of peer: NodeKey = alice) -> [String] {
        ask(Bridge.Request(.post, session: session, body: Array(text.utf8)), of: peer)
    }

    /// A request of the stateless era, whose fields say what its body says.
    mutating func call(_ id: String, _ method: String, _ params: String = "", of peer: NodeKey = alice) -> [String] {
        let meta = #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"\#(params)}"#
        let body = #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{\#(meta)}}"#
        let request = Bridge.Request(.post, version: "2026-07-28", method: method, body: Array(body.utf8))
        return ask(request, of: peer)
    }

    mutating func says(_ child: UInt64, _ text: String) -> [String] {
        bridge.childSaid(Bridge.ChildID(rawValue: child), Array(text.utf8), at: now)
        return actions()
    }

    mutating func ends(_ child: UInt64, _ end: Bridge.End) -> [String] {
        bridge.childEnded(Bridge.ChildID(rawValue: child), end)
        return actions()
    }

    mutating func leaves(_ exchange: UInt64) -> [String] {
        bridge.exchangeClosed(Bridge.ExchangeID(exchange), at: now)
        return actions()
    }

    /// A session that is under way, in program 1, called S1.
    static func inSession(limits: ProgramLimits = .defaults) -> BridgeWorld {
        var world = BridgeWorld(limits: limits)
        _ = world.post(initialize)
        _ = world.says(1, welcome)
        return world
    }

    /// Program 1 speaks the stateless era.
    static func stateless() -> BridgeWorld {
        var world = BridgeWorld()
        _ = world.call("7", "tools/list")
        _ = world.says(1, #"{"jsonrpc":"2.0","id":0,"result":{"supportedVersions":["2026-07-28"]}}"#)
        _ = world.says(1, #"{"jsonrpc":"2.0","id":1,"result":{}}"#)
        return world
    }

    static let initialize = #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#
    static let welcome = #"{"jsonrpc":"2.0","id":1,"result":{}}"#
}
