package import PosternModel

/// Signs what this node says of callers and agents, and verifies what agents have signed. What changes from one
/// assertion to the next comes from here.
package protocol GatewaySignatures: Sendable {
    /// The key that signs: this node's current one.
    var key: NodeKey { get }
    /// What the node is called: its first key.
    var issuer: NodeKey { get }

    /// Civil time now.
    func now() -> Timestamp

    /// A text that no other assertion has.
    func newID() -> String

    /// The Ed25519 signature of `message`, 64 bytes.
    func sign(_ message: [UInt8]) -> [UInt8]

    /// Whether `key` made `signature` over `message` by `algorithm`, a name of RFC 7518 §3.1 or RFC 8037 §3.1. False
    /// also where the algorithm is none for such a key.
    func verify(_ signature: [UInt8], of message: [UInt8], by key: JSONWebKey, algorithm: String) -> Bool
}

/// Who calls a service, as its agent can verify it without trusting whoever else reaches its port: a JWT (RFC 7519)
/// signed by this node's key (EdDSA, RFC 8037 §3.1). Each request has its own.
///
/// | claim | is |
/// | --- | --- |
/// | `iss` | the did of this node; `kid` is its current key |
/// | `sub` | the did of the caller's first key (RULES N11) |
/// | `aud` | the name of the service |
/// | `iat`, `exp` | when it was made, and ``lifetime`` later |
/// | `jti` | this assertion and no other |
/// | `name`, `network` | how we call the caller, and the network in which we know it; omitted when there is none |
struct CallerAssertion: Sendable {
    /// How long an assertion holds: it is for the request that carries it.
    static let lifetime = Interval.seconds(60)
    static let field = "Postern-Assertion"

    let signer: any GatewaySignatures
    let service: String
    let did: String
    let name: String?
    let network: String?

    /// A new assertion, in the compact form of RFC 7515 §7.1.
    func token() -> String {
        let now = signer.now()
        var claims = JSONObject()
        claims["iss"] = .string(signer.issuer.did)
        claims["sub"] = .string(did)
        claims["aud"] = .string(service)
        claims["iat"] = .integer(now.seconds)
        claims["exp"] = .integer((now + Self.lifetime).seconds)
        claims["jti"] = .string(signer.newID())
        if let name { claims["name"] = .string(name) }
        if let network { claims["network"] = .string(network) }
        let header: JSONValue = ["alg": "EdDSA", "kid": .string(signer.key.did), "typ": "JWT"]
        let message = [header, .object(claims)].map { Base64URL.encode($0.compactBytes) }.joined(separator: ".")
        return message + "." + Base64URL.encode(signer.sign(Array(message.utf8)))
    }
}

extension Timestamp {
    /// Whole seconds since 1970, as JWTs count them (RFC 7519 §2).
    fileprivate var seconds: Int64 { nanoseconds / 1_000_000_000 }
}
