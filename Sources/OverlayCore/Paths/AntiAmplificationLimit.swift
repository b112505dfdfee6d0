/// How many bytes may still be sent to an address that has not proven that it receives (RFC 9000 §8.1; `Protocol.md`
/// §4.8): who forges the address of a third party gets no more than three times its own effort sent there.
struct AntiAmplificationLimit {
    /// What shows that the peer receives at the address.
    enum Proof {
        /// An authentic packet from there: its keys come from message 2, and that went there alone.
        case authenticPacket
        /// The answer to a challenge that went there, and nothing else: whoever sends from there has the keys anyway.
        case pathResponse
    }

    /// Bytes sent for each byte received.
    static let factor = 3
    /// The smallest packet that is worth sending: a CLOSE with its longest text fits.
    static let worthwhile = 320
    /// The most that is counted: who sends much without proof is not owed much at once.
    private static let ceiling = 64 << 10

    private(set) var left: Int
    private(set) var proof: Proof
    /// Bytes that are kept for a handshake of our own.
    private let reserve: Int

    /// Nothing was sent yet to an address from which `received` bytes came. `reserve`: what is not for other packets.
    init(received: Int, proof: Proof = .authenticPacket, reserve: Int = 0) {
        left = received * Self.factor
        self.proof = proof
        self.reserve = reserve
    }

    /// What may be sent beside the handshake.
    var room: Int { max(0, left - reserve) }

    mutating func receive(_ byteCount: Int) { left = min(left + byteCount * Self.factor, Self.ceiling) }

    mutating func spend(_ byteCount: Int) { left = max(0, left - byteCount) }

    /// The keys are known elsewhere as well: message 2 went there too.
    mutating func weaken() { proof = .pathResponse }
}
