import GatewayCore
import OverlayCrypto
import OverlayNIO
import PosternModel

/// Assertions of who calls, signed by the node's own key.
struct NodeAssertions: AssertionSigner {
    let identity: NodeIdentity

    var key: NodeKey { identity.key }

    func now() -> Timestamp { Clocks.now().wall }

    func newID() -> String {
        var system = SystemRandomNumberGenerator()
        return Hex.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &system) })
    }

    func sign(_ message: [UInt8]) -> [UInt8] { identity.sign(message).bytes }
}
