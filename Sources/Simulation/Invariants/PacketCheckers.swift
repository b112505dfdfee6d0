package import OverlayCore
package import OverlayWire
package import PosternModel

/// Checks that no packet number is used twice under one key: the numbers of a key only grow.
package struct NonceChecker {
    private struct Key: Hashable {
        let host: HostID
        let life: Int
        let serial: UInt32
    }

    private var largest: [Key: UInt64] = [:]

    package init() {}

    /// `host`, in its life number `life`, sealed a packet.
    package mutating func sealed(_ seal: Seal, by host: HostID, life: Int, findings: Findings) {
        let key = Key(host: host, life: life, serial: seal.keySerial)
        if let last = largest[key], seal.packetNumber <= last {
            findings.report(
                .nonces,
                "\(host) sealed number \(seal.packetNumber) after \(last) with key \(seal.keySerial)"
            )
        }
        largest[key] = seal.packetNumber
    }
}

/// Checks that an ephemeral key makes one message, however often that is sent: also when a machine is copied together
/// with its generator (Noise rev 34 §14).
package struct EphemeralChecker {
    private var messages: [ArraySlice<UInt8>: ArraySlice<UInt8>] = [:]

    package init() {}

    /// `host` sent a datagram with `bytes`.
    package mutating func sent(_ bytes: [UInt8], by host: HostID, findings: Findings) {
        let (noise, macs): (Int, Int)
        switch bytes.first.flatMap(PacketType.init(rawValue:)) {
        case .initiation: (noise, macs) = (PacketLayout.Initiation.noise, PacketLayout.Initiation.macs)
        case .response: (noise, macs) = (PacketLayout.Response.noise, PacketLayout.Response.macs)
        case .cookie, .protected, nil: return
        }
        let message = bytes.dropFirst(noise).dropLast(macs)
        let ephemeral = message.prefix(32)
        if let first = messages[ephemeral], first != message {
            findings.report(.ephemerals, "\(host) made a second message with a key that was used before")
        }
        messages[ephemeral] = message
    }
}

/// Checks that nothing is sent to an address that only attackers used.
package struct SilenceChecker {
    /// The segment 0 hosts from this number on are attackers.
    package static let firstAttacker: UInt8 = 200

    package init() {}

    /// The address of the attacker `number`.
    package static func endpoint(attacker number: UInt8) -> Endpoint {
        Network.endpoint(segment: 0, host: firstAttacker + number, version: 1)
    }

    /// `host` sent a datagram with `bytes` to `destination`.
    package func sent(_ bytes: [UInt8], by host: HostID, to destination: Endpoint, findings: Findings) {
        guard case .ipv4(let address, _) = destination, UInt8(truncatingIfNeeded: address >> 8) >= Self.firstAttacker
        else { return }
        let type = bytes.first.map { String($0) } ?? "none"
        findings.report(.silence, "\(host) sent \(bytes.count) bytes of type \(type) to the attacker at \(destination)")
    }
}

/// Checks that no datagram is larger than a node takes, and handshakes no larger than what every path carries: nothing
/// is known of a path then.
package struct SizeChecker {
    package init() {}

    /// `host` sent a datagram with `bytes`.
    package func sent(_ bytes: [UInt8], by host: HostID, findings: Findings) {
        guard let type = bytes.first else {
            return findings.report(.sizes, "\(host) sent an empty datagram")
        }
        let isHandshake = type == PacketType.initiation.rawValue || type == PacketType.response.rawValue
        let limit = isHandshake ? PacketLayout.maximumHandshakeSize : Node.maximumPacketSize
        if bytes.count > limit {
            findings.report(.sizes, "\(host) sent \(bytes.count) bytes of type \(type), at most \(limit) are allowed")
        }
    }
}

/// Counts packets while nothing is to be done, and checks that only keep-alive traffic remains.
package struct QuietChecker {
    private var packets: [Int]
    private var secondStart: [Instant]
    private var packetsInSecond: [Int]
    private var start: Instant

    /// A checker of `hostCount` hosts that counts from `start` on.
    package init(hostCount: Int, at start: Instant) {
        packets = Array(repeating: 0, count: hostCount)
        packetsInSecond = packets
        secondStart = Array(repeating: start, count: hostCount)
        self.start = start
    }

    /// `host`, which keeps `peerCount` conversations alive, sent a packet.
    package mutating func sent(by host: HostID, peerCount: Int, at now: Instant, findings: Findings) {
        packets[host.index] += 1
        if now - secondStart[host.index] >= .seconds(1) {
            secondStart[host.index] = now
            packetsInSecond[host.index] = 0
        }
        packetsInSecond[host.index] += 1
        // A re-key that crosses another, probe time-outs and a probe of each path of every peer may fall together.
        if packetsInSecond[host.index] > 32 * max(1, peerCount) {
            findings.report(.quiet, "\(host) sent \(packetsInSecond[host.index]) packets in one idle second")
        }
    }

    /// The idle time ends: each host had `peerCounts` conversations, and keeps each alive or re-keys it once a
    /// `period`.
    package func finish(at now: Instant, peerCounts: [Int], period: Interval, findings: Findings) {
        let periods = Int((now - start).nanoseconds / max(1, period.nanoseconds)) + 1
        for (index, count) in packets.enumerated() {
            // Each period: a keep-alive and its acknowledgement, on the direct and on the relayed path.
            let allowed = max(1, peerCounts[index]) * (8 * periods + 16)
            if count > allowed {
                findings.report(
                    .quiet,
                    "h\(index) sent \(count) packets in \(periods) idle periods, \(allowed) allowed"
                )
            }
        }
    }
}
