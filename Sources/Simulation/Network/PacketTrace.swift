package import OverlayWire
package import PosternModel

/// What happened to one packet at one moment.
package struct PacketRecord: Sendable {
    /// Where in its life the packet is.
    package enum Step: String, Sendable {
        case sent
        case dropped
        case delivered
    }

    /// When it happened, what happened, and the addresses and size of the datagram; `from` is nil when nobody sent it.
    package var at: Instant
    /// What happened to it.
    package var step: Step
    /// Where it left from; nil when its sender had no way to send.
    package var from: Endpoint?
    /// Where it was sent to.
    package var to: Endpoint
    /// Bytes of the UDP payload.
    package var byteCount: Int
    /// The first byte.
    package var type: UInt8
    /// Why it was dropped, or what else is to be said.
    package var note: String

    /// `seconds from > to bytes type step note`, aligned for reading.
    package var line: String {
        let micros = at.nanoseconds / 1000
        let fraction = String(micros % 1_000_000)
        let time = "\(micros / 1_000_000)." + String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
        let source = from.map { "\($0)" } ?? "-"
        return "\(time) \(source) > \(to) \(byteCount) \(Self.name(of: type)) \(step.rawValue) \(note)"
    }

    private static func name(of type: UInt8) -> String {
        switch PacketType(rawValue: type) {
        case .initiation: "initiation"
        case .response: "response"
        case .cookie: "cookie"
        case .protected: "protected"
        case nil: "unknown"
        }
    }
}

/// Sums up every packet of a run: two runs of one seed have the same digest, packet for packet.
package struct PacketTrace {
    /// FNV-1a over the records and the first and last bytes of each packet.
    package private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    package private(set) var sentCount = 0
    package private(set) var sentByteCount = 0
    package private(set) var droppedCount = 0
    /// Called with each record; none costs nothing.
    package var observers: [(PacketRecord) -> Void] = []

    package init() {}

    /// Counts a step of the datagram `bytes`, and tells the observers of it.
    package mutating func add(
        _ step: PacketRecord.Step,
        _ bytes: [UInt8],
        from: Endpoint?,
        to: Endpoint,
        at: Instant,
        note: String = ""
    ) {
        switch step {
        case .sent:
            sentCount += 1
            sentByteCount += bytes.count
        case .dropped:
            droppedCount += 1
        case .delivered:
            break
        }
        absorb(UInt64(bitPattern: at.nanoseconds))
        absorb(UInt64(bytes.count) << 8 | UInt64(step == .sent ? 0 : step == .dropped ? 1 : 2))
        absorb(Self.number(of: to))
        absorb(Self.word(bytes.prefix(8)))
        absorb(Self.word(bytes.suffix(8)))
        guard !observers.isEmpty else { return }
        let record = PacketRecord(
            at: at,
            step: step,
            from: from,
            to: to,
            byteCount: bytes.count,
            type: bytes.first ?? 0,
            note: note
        )
        for observer in observers { observer(record) }
    }

    private mutating func absorb(_ word: UInt64) {
        digest = (digest ^ word) &* 0x100_0000_01b3
        digest ^= digest >> 29
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func number(of endpoint: Endpoint) -> UInt64 {
        switch endpoint {
        case .ipv4(let address, let port): UInt64(address) << 16 | UInt64(port)
        case .ipv6(let high, let low, let port): high ^ low ^ UInt64(port)
        case .connection(let connection): connection.rawValue
        case .relay(let relay): UInt64(relay.hub) << 32 | UInt64(relay.channel.rawValue)
        }
    }
}
