package import OverlayWire

/// Checks what is sent to addresses that only attackers use: nothing, unless a packet came from there that was fresh
/// and authentic because an attacker on the way forwarded it, and then three times as much at most (RFC 9000 §8.1)
/// until the attacker has passed on an answer from there as well. Then it is where a hub sees the one whose packets it
/// forwards, and smallest packets may go to its other ports (`Protocol.md` §9.3).
package struct ReflectionChecker {
    /// What RFC 9000 §8.1 allows.
    private static let factor = 3

    /// A challenge and nothing else.
    private static let guessSize = PacketLayout.Protected.overhead + PacketLayout.pathFrameSize

    /// Bytes that may still be sent to an attacker's address; none were ever due to one that is missing.
    private var allowances: [Endpoint: Int] = [:]
    /// Addresses from which answers were passed on.
    private var answering: Set<Endpoint> = []

    package init() {}

    /// `byteCount` bytes of somebody else's reached a host from the attacker's `address`.
    package mutating func arrived(_ byteCount: Int, from address: Endpoint) {
        allowances[address, default: 0] += byteCount * Self.factor
    }

    /// What is sent to `address` reaches somebody who can answer.
    package mutating func isAnswered(at address: Endpoint) { answering.insert(address) }

    /// `host` sent a datagram with `bytes` to `destination`.
    package mutating func sent(
        _ bytes: [UInt8],
        by host: HostID,
        to destination: Endpoint,
        findings: Findings
    ) {
        guard !answering.contains(destination) else { return }
        if bytes.count == Self.guessSize, answering.contains(where: { $0.isSameHost(as: destination) }) { return }
        guard let allowance = allowances[destination] else {
            return SilenceChecker().sent(bytes, by: host, to: destination, findings: findings)
        }
        allowances[destination] = allowance - bytes.count
        if bytes.count > allowance {
            findings.report(
                .reflection,
                "\(host) sent \(bytes.count) bytes to the attacker at \(destination), of which \(allowance) were left"
            )
        }
    }
}
