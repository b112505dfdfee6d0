import PosternModel
import Testing

@testable import GatewayCore

/// A connection in one of its states, and what every input leads to there. An input that is not listed leads to
/// nothing: it is of no concern in this state, or cannot happen and is ignored.
struct Situation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    private let steps: [ConnectionWorld.Input]
    private let isReaching: Bool
    private let kind: ServiceKind
    let expected: [ConnectionWorld.Input: String]

    init(
        reaching name: String,
        after steps: [ConnectionWorld.Input],
        _ expected: [ConnectionWorld.Input: String]
    ) {
        testDescription = "reach, \(name)"
        isReaching = true
        kind = .http
        self.steps = steps
        self.expected = expected
    }

    init(
        exposing name: String,
        as kind: ServiceKind = .a2a,
        after steps: [ConnectionWorld.Input],
        _ expected: [ConnectionWorld.Input: String]
    ) {
        testDescription = "expose, \(name)"
        isReaching = false
        self.kind = kind
        self.steps = steps
        self.expected = expected
    }

    /// A connection that is in this situation.
    func world() -> ConnectionWorld {
        let world = isReaching ? ConnectionWorld.reaching() : ConnectionWorld.exposing(kind)
        world.apply(steps)
        return world
    }
}

@Suite struct ProxyConnectionTableTests {
    @Test(arguments: Situation.reaching + Situation.exposing)
    func `every input leads to these actions in this state, and to no others`(situation: Situation) {
        for input in ConnectionWorld.Input.allCases {
            #expect(situation.world().apply(input) == situation.expected[input] ?? "", "\(input)")
        }
    }
}

extension Situation {
    static let reaching: [Situation] = [
        Situation(
            reaching: "resolving",
            after: [.peerAbsent],
            [
                .resolved: "resume down",
                .resolvedRaw: "connect, resume down",
                .unavailable: "cancel patience, resume down",
                .peerPresent: "cancel patience",
                .endDown: "cancel patience, finish down, discard down",
                .stopDown: "cancel patience, reset down, retire",
                .closedDown: "cancel patience, retire",
                .lostDown: "cancel patience, retire",
                .patience: "resume down",
                .drain: "cancel patience, finish down, discard down",
                .cut: "cancel patience, reset down, retire",
                .cutForTrust: "cancel patience, reset down, retire",
            ]
        ),
        Situation(
            reaching: "open, nothing asked",
            after: [.resolved],
            [
                .peerAbsent: "arm patience",
                .request: "send up, connect",
                .halfRequest: "arm head",
                .lastRequest: "send up, connect",
                .badRequest: "answer bad-request, finish down, discard down",
                .endDown: "finish down, discard down",
                .stopDown: "reset down, retire",
                .closedDown: "retire",
                .lostDown: "retire",
                .drain: "finish down, discard down",
                .cut: "reset down, retire",
                .cutForTrust: "finish down, discard down",
            ]
        ),
        Situation(
            reaching: "open, in the middle of a head",
            after: [.resolved, .halfRequest],
            [
                .peerAbsent: "arm patience",
                .request: "answer bad-request, finish down, discard down",
                .lastRequest: "answer bad-request, finish down, discard down",
                .badRequest: "answer bad-request, finish down, discard down",
                .endDown: "answer bad-request, finish down, discard down",
                .stopDown: "reset down, retire",
                .closedDown: "retire",
                .lostDown: "retire",
                .head: "answer request-timeout, finish down, discard down",
                .cut: "reset down, retire",
                .cutForTrust: "answer not-trusted, finish down, discard down",
            ]
        ),
        Situation(
            reaching: "open, connecting",
            after: [.resolved, .request],
            [
                .peerAbsent: "arm patience",
                .request: "send up",
                .halfRequest: "arm head",
                .lastRequest: "send up",
                .connected: "resume down, resume up",
                .connectFailed: "answer upstream-refused, finish down, discard down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, answer not-trusted, finish down, discard down",
                .giveUp: "reset up, answer peer-away, finish down, discard down",
            ]
        ),
        Situation(
            reaching: "open, asked",
            after: [.peerAbsent, .resolved, .request, .connected],
            [
                .peerPresent: "cancel patience",
                .request: "send up",
                .halfRequest: "arm head",
                .lastRequest: "send up",
                .response: "send down",
                .halfResponse: "send down",
                .badResponse: "reset up, answer bad-response, cancel patience, finish down, discard down",
                .endDown: "finish up",
                .endUp: "reset up, answer upstream-broken, cancel patience, finish down, discard down",
                .stopDown: "cancel patience, reset up, reset down, retire",
                .closedDown: "cancel patience, reset up, retire",
                .lostDown: "cancel patience, reset up, retire",
                .brokenUp: "answer upstream-broken, cancel patience, finish down, discard down",
                .goneUp: "answer peer-away, cancel patience, finish down, discard down",
                .patience: "reset up, answer peer-away, finish down, discard down",
                .cut: "cancel patience, reset up, reset down, retire",
                .cutForTrust: "reset up, answer not-trusted, cancel patience, finish down, discard down",
                .giveUp: "reset up, answer peer-away, cancel patience, finish down, discard down",
            ]
        ),
        Situation(
            reaching: "open, asked a second time",
            after: [.resolved, .request, .connected, .response, .request],
            [
                .peerAbsent: "arm patience",
                .request: "send up",
                .halfRequest: "arm head",
                .lastRequest: "send up",
                .response: "send down",
                .halfResponse: "send down",
                .badResponse: "reset up, answer bad-response, finish down, discard down",
                .endDown: "finish up",
                .endUp: "reset up, finish down, discard down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .brokenUp: "reset down, retire",
                .goneUp: "answer peer-away, finish down, discard down",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, answer not-trusted, finish down, discard down",
                .giveUp: "reset up, answer peer-away, finish down, discard down",
            ]
        ),
        Situation(
            reaching: "open, responding",
            after: [.resolved, .request, .connected, .halfResponse],
            [
                .peerAbsent: "arm patience",
                .request: "send up",
                .halfRequest: "arm head",
                .lastRequest: "send up",
                .response: "send down, reset up, finish down, discard down",
                .halfResponse: "send down, reset up, finish down, discard down",
                .badResponse: "send down, reset up, finish down, discard down",
                .endDown: "finish up",
                .endUp: "reset up, finish down, discard down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .brokenUp: "reset down, retire",
                .goneUp: "reset down, retire",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, reset down, retire",
            ]
        ),
        Situation(
            reaching: "open, nothing under way",
            after: [.resolved, .request, .connected, .response],
            [
                .peerAbsent: "arm patience",
                .request: "send up",
                .halfRequest: "arm head",
                .lastRequest: "send up",
                .badRequest: "reset up, answer bad-request, finish down, discard down",
                .response: "reset up, finish down, discard down",
                .halfResponse: "reset up, finish down, discard down",
                .badResponse: "reset up, finish down, discard down",
                .endDown: "finish up",
                .endUp: "finish up, finish down, discard down, discard up",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .brokenUp: "finish down, discard down",
                .goneUp: "finish down, discard down",
                .drain: "finish up, finish down, discard down, discard up",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, finish down, discard down",
            ]
        ),
        Situation(
            reaching: "open, bytes as they are",
            after: [.resolvedRaw, .connected, .request],
            [
                .peerAbsent: "arm patience",
                .request: "send up",
                .lastRequest: "send up",
                .halfRequest: "send up",
                .badRequest: "send up",
                .response: "send down",
                .halfResponse: "send down",
                .badResponse: "send down",
                .endDown: "finish up",
                .endUp: "finish down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .brokenUp: "reset down, retire",
                .goneUp: "reset down, retire",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, reset down, retire",
            ]
        ),
        Situation(
            reaching: "draining, asked",
            after: [.resolved, .request, .connected, .drain],
            [
                .peerAbsent: "arm patience",
                .request: "send up",
                .halfRequest: "arm head",
                .lastRequest: "send up",
                .response: "send down, finish up, finish down, discard down, discard up",
                .halfResponse: "send down",
                .badResponse: "reset up, answer bad-response, finish down, discard down",
                .endDown: "finish up",
                .endUp: "reset up, answer upstream-broken, finish down, discard down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .brokenUp: "answer upstream-broken, finish down, discard down",
                .goneUp: "answer peer-away, finish down, discard down",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, answer not-trusted, finish down, discard down",
                .giveUp: "reset up, answer peer-away, finish down, discard down",
            ]
        ),
        Situation(
            reaching: "draining, a request rejected",
            after: [.resolved, .request, .connected, .badRequest],
            [
                .peerAbsent: "arm patience",
                .response: "send down, reset up, answer bad-request, finish down, discard down",
                .halfResponse: "send down",
                .badResponse: "reset up, answer bad-response, finish down, discard down",
                .endUp: "reset up, answer upstream-broken, finish down, discard down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .brokenUp: "answer upstream-broken, finish down, discard down",
                .goneUp: "answer peer-away, finish down, discard down",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, answer not-trusted, finish down, discard down",
                .giveUp: "reset up, answer peer-away, finish down, discard down",
            ]
        ),
        Situation(
            reaching: "closing",
            after: [.resolved, .request, .connected, .response, .endUp],
            [
                .stopDown: "reset up, reset down, retire",
                .sentDown: "arm linger",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, reset down, retire",
            ]
        ),
        Situation(
            reaching: "closing, lingering",
            after: [.resolved, .request, .connected, .response, .endUp, .sentDown],
            [
                .endDown: "close down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, cancel linger, retire",
                .lostDown: "reset up, cancel linger, retire",
                .linger: "close down",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, reset down, retire",
            ]
        ),
        Situation(reaching: "closed", after: [.resolved, .request, .connected, .cut], [:]),
    ]

    static let exposing: [Situation] = [
        Situation(
            exposing: "open, nothing asked",
            after: [],
            [
                .request: "send up, connect",
                .lastRequest: "send up, connect",
                .badRequest: "answer bad-request, finish down, discard down",
                .endDown: "finish down, discard down",
                .stopDown: "reset down, retire",
                .closedDown: "retire",
                .lostDown: "retire",
                .drain: "finish down, discard down",
                .cut: "reset down, retire",
                .cutForTrust: "reset down, retire",
            ]
        ),
        Situation(
            exposing: "open, asked",
            after: [.request, .connected],
            [
                .request: "send up",
                .lastRequest: "send up",
                .response: "send down",
                .halfResponse: "send down",
                .badResponse: "reset up, answer bad-response, finish down, discard down",
                .endDown: "finish up",
                .endUp: "reset up, answer upstream-broken, finish down, discard down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .brokenUp: "answer upstream-broken, finish down, discard down",
                .goneUp: "answer peer-away, finish down, discard down",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, reset down, retire",
            ]
        ),
        Situation(
            exposing: "open, responding",
            after: [.request, .connected, .halfResponse],
            [
                .request: "send up",
                .lastRequest: "send up",
                .response: "send down, reset up, finish down, discard down",
                .halfResponse: "send down, reset up, finish down, discard down",
                .badResponse: "send down, reset up, finish down, discard down",
                .endDown: "finish up",
                .endUp: "reset up, finish down, discard down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .brokenUp: "reset down, retire",
                .goneUp: "reset down, retire",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, reset down, retire",
            ]
        ),
        Situation(
            exposing: "open, bytes as they are",
            as: .tcp,
            after: [.connected],
            [
                .request: "send up",
                .lastRequest: "send up",
                .halfRequest: "send up",
                .badRequest: "send up",
                .response: "send down",
                .halfResponse: "send down",
                .badResponse: "send down",
                .endDown: "finish up",
                .endUp: "finish down",
                .stopDown: "reset up, reset down, retire",
                .closedDown: "reset up, retire",
                .lostDown: "reset up, retire",
                .brokenUp: "reset down, retire",
                .goneUp: "reset down, retire",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, reset down, retire",
            ]
        ),
        Situation(
            exposing: "closing",
            after: [.request, .connected, .response, .endUp],
            [
                .stopDown: "reset up, reset down, retire",
                .sentDown: "arm linger",
                .closedDown: "close up",
                .lostDown: "close up",
                .cut: "reset up, reset down, retire",
                .cutForTrust: "reset up, reset down, retire",
            ]
        ),
    ]
}
