import PosternModel
import TestSupport

@testable import GatewayCore

/// One end of the gateway, fed with text.
final class Passage {
    let scratch: HeadScratch
    private var http: HTTP1ConnectionState
    private var heldRequests: [UInt8] = []
    private(set) var error: GatewayError?
    private(set) var forwarded: [UInt8] = []
    private(set) var returned: [UInt8] = []

    init(_ policy: ForwardingPolicy, scratch: HeadScratch = HeadScratch()) {
        self.scratch = scratch
        http = HTTP1ConnectionState(policy: policy, scratch: scratch)
    }

    static func reach(
        offersUpgrade: Bool = false,
        bodies: (any BodyPolicy)? = nil,
        scratch: HeadScratch = HeadScratch()
    ) -> Passage {
        let names = OwnNames(overlayNames: ["planner.acme.postern.alt"])
        let policy = ReachPolicy(names: names, offersUpgrade: offersUpgrade, bodies: bodies)
        return Passage(.reach(policy), scratch: scratch)
    }

    static func expose(
        host: HostPolicy = .upstream,
        name: String? = "alice",
        kind: ServiceKind = .a2a,
        signedCards: SignedCards = .strip
    ) -> Passage {
        let service = ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: kind),
            upstream: .loopback(9999),
            hostPolicy: host,
            signedCards: signedCards
        )
        return Passage(.expose(ExposePolicy(service, did: "did:key:zAlice", peerName: name, network: "acme")))
    }

    var holdsRequests: Bool { http.holdsRequests }
    /// Whether a request has begun and is not complete.
    var holdsPart: Bool { http.isInRequestHead }
    static func reach() -> Passage { reach(offersUpgrade: false) }
    static func expose() -> Passage { expose(host: .upstream) }
    var outstandingCount: Int { http.outstandingCount }
    var answerToRejectedRequest: HTTP1ConnectionState.Answer { http.answerToRejectedRequest }
    func answerToLoss(_ loss: HTTP1ConnectionState.Loss) -> HTTP1ConnectionState.Answer { http.answerToLoss(loss) }
    func endRequests() -> GatewayError? { http.endRequests() }
    func endResponses() -> GatewayError? {
        let error = http.endResponses()
        returned += scratch.plan.bytes(of: Span())
        return error
    }
    var pieces: [ForwardPlan.Piece] { scratch.plan.pieces }

    /// Gives bytes of the client; returns what goes to the agent for them.
    @discardableResult
    func ask(_ bytes: [UInt8]) -> [UInt8] {
        guard error == nil else { return [] }
        heldRequests += bytes
        let input = heldRequests
        do throws(GatewayError) {
            heldRequests.removeFirst(try http.receiveRequests(input.span))
        } catch {
            self.error = error
        }
        let output = scratch.plan.bytes(of: input.span)
        forwarded += output
        return output
    }

    @discardableResult
    func ask(_ text: String) -> String { String(decoding: ask(Array(text.utf8)), as: UTF8.self) }

    /// Gives bytes of the agent; returns what goes to the client for them.
    @discardableResult
    func answer(_ bytes: [UInt8]) -> [UInt8] {
        guard error == nil else { return [] }
        do throws(GatewayError) {
            try http.receiveResponses(bytes.span)
        } catch {
            self.error = error
        }
        let output = scratch.plan.bytes(of: bytes.span)
        returned += output
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
