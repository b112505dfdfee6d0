import OverlayWire

/// What an attacker has overheard, and the packets made of it.
///
/// Only packets that reached their receiver whole are kept, and from an address of its own the attacker sends only
/// those that the receiver has used: one that it has not is still fresh, and who delivers it first from elsewhere is,
/// to any protocol that is not tied to its path, the sender who moved.
struct Attacker {
    /// A packet that the attacker puts on the wire.
    struct Forged {
        var bytes: [UInt8]
        var from: Endpoint
        var to: HostID
        /// Whether the receiver made use of the packet that this one is made of.
        var isUsed = true
    }

    private var packets: [Forged] = []
    private var handshakes: [Forged] = []
    private var nextPacket = 0
    /// What is remembered of each kind.
    private static let packetCapacity = 256
    private static let handshakeCapacity = 4096

    /// A packet reached its host, which admits the sender and made use of it or not.
    mutating func overhear(_ arrival: Network.Arrival, isUsed: Bool) {
        guard let type = arrival.bytes.first else { return }
        let packet = Forged(bytes: arrival.bytes, from: arrival.from, to: arrival.host, isUsed: isUsed)
        if type != PacketType.protected.rawValue, handshakes.count < Self.handshakeCapacity {
            handshakes.append(packet)
        }
        if packets.count < Self.packetCapacity {
            packets.append(packet)
        } else {
            packets[nextPacket] = packet
            nextPacket = (nextPacket + 1) % Self.packetCapacity
        }
    }

    /// The packets of `act`.
    func forge(_ act: AttackerAction) -> [Forged] {
        switch act {
        case .junk(let host, let type, let byteCount, let seed):
            var random = SeededRandom(seed: seed)
            return [Forged(bytes: [type] + random.bytes(byteCount), from: Self.address(&random), to: host)]
        case .replay(let forgery, let onlyHandshakes, let seed):
            return change(forgery, seed, of: onlyHandshakes ? handshakes : packets) { bytes, _ in bytes }
        case .misdirect(let host, let seed):
            return change(.ownAddress, seed, of: packets) { bytes, _ in bytes }
                .map { Forged(bytes: $0.bytes, from: $0.from, to: host) }
        case .truncate(let forgery, let seed):
            return change(forgery, seed, of: packets) { bytes, random in Array(bytes.prefix(random.below(bytes.count)))
            }
        case .flip(let forgery, let seed):
            return change(forgery, seed, of: packets) { bytes, random in
                Network.flipBits(of: bytes, seed: random.next())
            }
        case .replayAllHandshakes(let forgery, let seed):
            var random = SeededRandom(seed: seed)
            var shuffled = handshakes
            for index in shuffled.indices.dropFirst() {
                shuffled.swapAt(index, random.below(index + 1))
            }
            return Self.suitable(shuffled, for: forgery).map { forged(forgery, $0, &random) }
        case .holdBack, .split, .forward, .greet:
            // Done to packets on their way, or by somebody with a key.
            return []
        }
    }

    private func change(
        _ forgery: AttackerAction.Forgery,
        _ seed: UInt64,
        of heard: [Forged],
        _ body: ([UInt8], inout SeededRandom) -> [UInt8]
    ) -> [Forged] {
        let suitable = Self.suitable(heard, for: forgery)
        guard !suitable.isEmpty else { return [] }
        var random = SeededRandom(seed: seed)
        var packet = forged(forgery, random.pick(suitable), &random)
        packet.bytes = body(packet.bytes, &random)
        return [packet]
    }

    private static func suitable(_ heard: [Forged], for forgery: AttackerAction.Forgery) -> [Forged] {
        switch forgery {
        case .originalSender: heard
        case .ownAddress: heard.filter(\.isUsed)
        }
    }

    private func forged(_ forgery: AttackerAction.Forgery, _ packet: Forged, _ random: inout SeededRandom) -> Forged {
        switch forgery {
        case .originalSender: packet
        case .ownAddress: Forged(bytes: packet.bytes, from: Self.address(&random), to: packet.to)
        }
    }

    static func address(_ random: inout SeededRandom) -> Endpoint {
        SilenceChecker.endpoint(attacker: UInt8(random.below(40)))
    }
}
