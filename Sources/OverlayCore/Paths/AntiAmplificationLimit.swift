/// How many bytes may still be sent to an address that has not proven that it receives (RFC 9000 §8.1; `Protocol.md`
/// §4.8): who forges the address of a third party gets no more than three times its own effort sent there.
struct AntiAmplificationLimit {
    /// Bytes sent for each byte received.
    static let factor = 3
    /// The smallest packet that is worth sending: a CLOSE with its longest text fits.
    static let worthwhile = 320

    private(set) var left: Int

    /// Nothing was sent yet to an address from which `received` bytes came.
    init(received: Int) {
        left = received * Self.factor
    }

    mutating func receive(_ byteCount: Int) { left += byteCount * Self.factor }

    mutating func spend(_ byteCount: Int) { left = max(0, left - byteCount) }
}
