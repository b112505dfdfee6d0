import CJOSE
import GatewayCore
import OverlayCrypto
import OverlayNIO
import PosternModel

/// What the gateway signs, by the node's own key, and verifies.
struct NodeAssertions: GatewaySignatures {
    let identity: NodeIdentity

    var key: NodeKey { identity.currentKey }
    var issuer: NodeKey { identity.key }

    func now() -> Timestamp { Clocks.now().wall }

    func newID() -> String {
        var system = SystemRandomNumberGenerator()
        return Hex.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &system) })
    }

    func sign(_ message: [UInt8]) -> [UInt8] { identity.sign(message).bytes }

    func verify(_ signature: [UInt8], of message: [UInt8], by key: JSONWebKey, algorithm: String) -> Bool {
        switch (key.material, algorithm) {
        case (.ed25519(let point), "EdDSA"), (.ed25519(let point), "Ed25519"):
            guard let key = NodeKey(bytes: point), let signature = Signature(bytes: signature) else { return false }
            return key.verify(signature, of: message)
        case (.p256(let x, let y), "ES256"):
            return signature.count == 64 && jose_verify_es256(x, y, message, message.count, signature) == 1
        case (.rsa(let modulus, let exponent), "RS256"), (.rsa(let modulus, let exponent), "PS256"):
            return jose_verify_rsa(
                modulus,
                modulus.count,
                exponent,
                exponent.count,
                algorithm == "PS256" ? 1 : 0,
                message,
                message.count,
                signature,
                signature.count
            ) == 1
        case _:
            return false
        }
    }
}
