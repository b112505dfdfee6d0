package import NIOCore
package import PosternModel
package import SidecarCore

/// The sidecar behind the control API. Calls come from the control loop; answers may come on any loop.
package protocol ControlBackend: Sendable {
    /// Of the program.
    var version: String { get }

    /// The key with which this node signs.
    var key: NodeKey { get }

    /// Whether it is a sidecar, which serves an agent and has a page that lives.
    var isSidecar: Bool { get }

    /// What the agent may ask for.
    var agentMay: Set<AgentPermission> { get }

    /// Does `operation` for `requester`. Fails with ``PosternModel/Problem``.
    func perform<Asked: Operation>(_ operation: Asked, by requester: Requester) -> EventLoopFuture<Asked.Answer>

    /// Records that the agent asked for what it may not have.
    func noteAgentRefused(_ tool: String, by requester: Requester)

    /// Whether the sidecar can do its work, and what is missing.
    func readiness() -> EventLoopFuture<Readiness>

    /// The counters of `/metrics`.
    func metrics() -> EventLoopFuture<[Metric]>

    /// Answers what is no operation of a sidecar; nil: there is nothing under that path.
    func answer(_ call: ControlCall) -> EventLoopFuture<JSONValue>?

    /// The status page of a program that is no sidecar; nil: that of a sidecar.
    func page() -> EventLoopFuture<ProgramPage>?
}

/// A call to a program that is no sidecar.
package struct ControlCall: Hashable, Sendable {
    /// Behind `/api/v1/`.
    package let path: String
    /// Whether it may change something; one that does not is a GET.
    package let changesState: Bool
    /// An object.
    package let parameters: JSONValue

    package init(path: String, changesState: Bool, parameters: JSONValue) {
        self.path = path
        self.changesState = changesState
        self.parameters = parameters
    }
}

/// What the status page of a program that is no sidecar shows.
package struct ProgramPage: Sendable {
    let title: String
    let facts: [(name: String, value: String?)]

    package init(title: String, facts: [(name: String, value: String?)]) {
        self.title = title
        self.facts = facts
    }
}

extension ControlBackend {
    package var isSidecar: Bool { true }

    /// A sidecar's table of operations is whole.
    package func answer(_ call: ControlCall) -> EventLoopFuture<JSONValue>? { nil }

    /// A sidecar has the page of its status.
    package func page() -> EventLoopFuture<ProgramPage>? { nil }

    /// The keys by which agents verify assertions of who calls, as a JWK Set (RFC 7517 §5, RFC 8037 §2).
    var keySet: JSONValue {
        [
            "keys": [
                [
                    "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": .string(key.did),
                    "x": .string(Base64URL.encode(key.bytes)),
                ]
            ]
        ]
    }
}

/// Whether the sidecar can do its work: what `/readyz` answers.
package struct Readiness: Codable, Hashable, Sendable {
    /// Whether the underlay is bound.
    package let underlay: Bool
    /// Whether one of the configured hubs is there and has room for us; nil when none is configured.
    package let hub: Bool?

    package init(underlay: Bool, hub: Bool?) {
        self.underlay = underlay
        self.hub = hub
    }

    var isReady: Bool { underlay && hub != false }
}
