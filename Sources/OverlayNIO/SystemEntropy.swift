/// Randomness of the system, for the generators of nodes and sidecars.
package enum SystemEntropy {
    /// 32 random bytes.
    package static func bytes() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<4).flatMap { _ in withUnsafeBytes(of: random.next(), Array.init) }
    }
}
