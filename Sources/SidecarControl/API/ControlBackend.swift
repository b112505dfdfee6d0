package import NIOCore
package import PosternModel
package import SidecarCore

/// The sidecar behind the control API. Calls come from the control loop; answers may come on any loop.
package protocol ControlBackend: Sendable {
    /// Of the program.
    var version: String { get }

    /// The key with which this node signs.
    var key: NodeKey { get }

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
}

extension ControlBackend {
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
