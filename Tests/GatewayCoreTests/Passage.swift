import PosternModel

@testable import GatewayCore

/// One end of the gateway, fed with text.
final class Passage {
    let workspace = Workspace()
    private var exchange: Exchange
    private var heldRequests: [UInt8] = []
    private(set) var refusal: Refusal?
    private(set) var forwarded: [UInt8] = []
    private(set) var returned: [UInt8] = []

    init(_ rules: Rules) {
        exchange = Exchange(rules: rules, workspace: workspace)
    }

    static func reach(offersUpgrade: Bool = false) -> Passage {
        Passage(
            .reach(
                ReachRules(names: OwnNames(overlayNames: ["planner.acme.postern.alt"]), offersUpgrade: offersUpgrade)
            )
        )
    }

    static func expose(host: HostPolicy = .upstream, name: String? = "alice", kind: ServiceKind = .a2a) -> Passage {
        let service = ExposedService(
            name: "planner",
            port: VirtualPort(80),
            kind: kind,
            upstreamHost: "127.0.0.1",
            upstreamPort: 9999,
            hostPolicy: host
        )
        return Passage(.expose(ExposeRules(service, did: "did:key:zAlice", peerName: name, network: "acme")))
    }

    var holdsRequests: Bool { exchange.holdsRequests }
    var outstandingCount: Int { exchange.outstandingCount }
    var answerToRefusedRequest: Exchange.Answer { exchange.answerToRefusedRequest }
    func answerToLoss(wasClosed: Bool) -> Exchange.Answer { exchange.answerToLoss(wasClosed: wasClosed) }
    func endRequests() -> Refusal? { exchange.endRequests() }
    func endResponses() -> Refusal? { exchange.endResponses() }
    var pieces: [ForwardPlan.Piece] { workspace.plan.pieces }

    /// Gives bytes of the client; returns what goes to the agent for them.
    @discardableResult
    func ask(_ bytes: [UInt8]) -> [UInt8] {
        guard refusal == nil else { return [] }
        heldRequests += bytes
        let input = heldRequests
        let verdict = exchange.receiveRequests(input.span)
        let output = workspace.plan.bytes(of: input.span)
        forwarded += output
        switch verdict {
        case .forward(let consumed): heldRequests.removeFirst(consumed)
        case .refuse(let refusal): self.refusal = refusal
        }
        return output
    }

    @discardableResult
    func ask(_ text: String) -> String { String(decoding: ask(Array(text.utf8)), as: UTF8.self) }

    /// Gives bytes of the agent; returns what goes to the client for them.
    @discardableResult
    func answer(_ bytes: [UInt8]) -> [UInt8] {
        guard refusal == nil else { return [] }
        let verdict = exchange.receiveResponses(bytes.span)
        let output = workspace.plan.bytes(of: bytes.span)
        returned += output
        if case .refuse(let refusal) = verdict { self.refusal = refusal }
        return output
    }

    @discardableResult
    func answer(_ text: String) -> String { String(decoding: answer(Array(text.utf8)), as: UTF8.self) }

    var forwardedText: String { String(decoding: forwarded, as: UTF8.self) }
    var returnedText: String { String(decoding: returned, as: UTF8.self) }
}

/// Lines with CRLF behind each, and `body`.
func message(_ lines: String..., body: String = "") -> String {
    lines.map { $0 + "\r\n" }.joined() + "\r\n" + body
}

/// A small generator, so that a failing seed can be run again (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
