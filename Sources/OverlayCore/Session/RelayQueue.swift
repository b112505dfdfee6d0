import OverlayWire
import PosternModel

/// Relayed packets that wait for one session, a queue for each conversation. They take turns by bytes (deficit round
/// robin), and where there are too many the longest queue loses its newest packet, so that a conversation that floods
/// only holds up itself.
struct RelayQueue {
    /// What waits of one conversation.
    private struct Flow {
        var packets = RingQueue<RelayedPacket>()
        /// Bytes that it may still send in its turn.
        var credit = 0
    }

    private var flows: [RelayChannel: Flow] = [:]
    /// The conversations with something waiting, the one whose turn it is first.
    private var turns = RingQueue<RelayChannel>()
    /// Packets that wait.
    private(set) var count = 0

    /// Bytes of one turn: no packet is larger.
    private static let quantum = PacketLayout.relayedPathSize

    var isEmpty: Bool { count == 0 }

    /// The packet to send next.
    var first: RelayedPacket? { turns.first.flatMap { flows[$0]?.packets.first } }

    /// Lets `packet` wait. Returns the packet that is lost for it, if there is one: beyond `limit` packets of its
    /// conversation itself, beyond `total` of all the newest of the longest queue.
    mutating func append(_ packet: RelayedPacket, limit: Int, total: Int) -> RelayedPacket? {
        let channel = packet.relay.channel
        guard flows[channel]?.packets.count ?? 0 < limit else { return packet }
        var lost: RelayedPacket?
        if count >= total {
            guard let longest = flows.max(by: { $0.value.packets.count < $1.value.packets.count }),
                longest.value.packets.count > (flows[channel]?.packets.count ?? 0) + 1
            else { return packet }
            lost = flows[longest.key]?.packets.popLast()
            count -= 1
        }
        if flows[channel] == nil {
            flows[channel] = Flow(credit: turns.isEmpty ? Self.quantum : 0)
            turns.append(channel)
        }
        flows[channel]?.packets.append(packet)
        count += 1
        return lost
    }

    /// Takes the packet to send next.
    mutating func popFirst() -> RelayedPacket? {
        guard let channel = turns.first, let packet = flows[channel]?.packets.popFirst() else { return nil }
        count -= 1
        flows[channel]?.credit -= packet.byteCount
        let next = flows[channel]?.packets.first
        if let next, let credit = flows[channel]?.credit, next.byteCount <= credit { return packet }
        _ = turns.popFirst()
        if next == nil { flows[channel] = nil } else { turns.append(channel) }
        if let following = turns.first { flows[following]?.credit += Self.quantum }
        return packet
    }
}

/// How fast relayed bytes may come: of one conversation or one peer. What is faster is dropped, which the sender's own
/// congestion control takes as it takes a full link.
struct RelayMeter {
    /// When everything that was let through has been made up for.
    private var clearAt: Instant?

    /// Bytes may come at once for so long at the full rate.
    private static let burst = Interval.milliseconds(100)

    /// Whether `byteCount` more bytes are within `rate` bytes a second; they count if they are.
    mutating func admits(_ byteCount: Int, rate: UInt64, at now: Instant) -> Bool {
        let cost = Interval(nanoseconds: Int64(clamping: UInt64(byteCount) * 1_000_000_000 / max(rate, 1)))
        let next = max(clearAt ?? now, now) + cost
        // One packet is always let through when nothing came before it, however low the rate.
        guard next - now <= max(Self.burst, cost) else { return false }
        clearAt = next
        return true
    }
}
