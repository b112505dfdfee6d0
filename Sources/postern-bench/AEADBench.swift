import OverlayCrypto
import OverlayWire

extension Bench {
    /// Sealing and opening of packets alone.
    static let aead = Bench(name: "aead", summary: "seal and open one packet, one thread, all of header, AEAD and mask")
    { budget in
        let ciphers: [(String, DataCipher)] = [
            ("chacha20-poly1305", .chaCha20Poly1305), ("aes-256-gcm", .aes256GCM),
        ]
        let usable = ciphers.filter { $0.1 == .chaCha20Poly1305 || hasHardwareAES() }
        let sizes = [64, 300, 1200]
        let time = budget.perRound(parts: usable.count * sizes.count * 2)
        var measurements: [Measurement] = []
        for (name, cipher) in usable {
            for size in sizes {
                let packets = AEADPackets(
                    secret: try SessionSecret(bytes: Array(repeating: 9, count: 32)),
                    cipher,
                    size
                )
                let seal = budget.sample { packets.sealRate(for: time) }
                let open = try budget.sample { try packets.openRate(for: time) }
                measurements.append(Measurement(what: "\(name) seal \(size) B", unit: "ns", samples: seal))
                measurements.append(Measurement(what: "\(name) open \(size) B", unit: "ns", samples: open))
            }
        }
        return measurements
    }
}

/// One packet, sealed and opened over and over.
private final class AEADPackets {
    private let sealer: PacketSealer
    private let opener: PacketOpener
    private let scratch = Scratch()
    private let plain: [UInt8]
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2048, alignment: 64)
    private var number: UInt64 = 0

    init(secret: SessionSecret, _ cipher: DataCipher, _ size: Int) {
        sealer = PacketSealer(secret: secret, cipher: cipher)
        opener = PacketOpener(secret: secret, cipher: cipher)
        plain = Array(repeating: 0x5a, count: size)
    }

    deinit {
        memory.deallocate()
    }

    /// Nanoseconds for sealing one packet, over `seconds`.
    func sealRate(for seconds: Double) -> Double {
        repeated(for: seconds) { _ = seal() }
    }

    /// Nanoseconds for opening one packet, over `seconds`.
    func openRate(for seconds: Double) throws -> Double {
        let byteCount = seal()
        let sealed = UnsafeRawBufferPointer(rebasing: memory[..<byteCount])
        let previous = number > 0 ? PacketNumber(number - 1) : nil
        var opened = 0
        let rate = repeated(for: seconds) {
            if let result = try? opener.open(sealed.bytes, largest: previous, into: scratch) {
                opened = result.byteCount
            }
        }
        guard opened == plain.count else { throw BenchError("a packet that was just sealed does not open") }
        return rate
    }

    private func seal() -> Int {
        number += 1
        var writer = PacketWriter(memory)
        writer.append(PacketType.protected.rawValue)
        writer.append(bigEndian: UInt32(7))
        writer.append(bigEndian: UInt32(truncatingIfNeeded: number))
        writer.append(plain)
        sealer.seal(PacketNumber(number), in: &writer, from: 0)
        return writer.count
    }

    private func repeated(for seconds: Double, _ body: () -> Void) -> Double {
        let start = monotonicSeconds()
        var count = 0
        var elapsed = 0.0
        repeat {
            for _ in 0..<500 { body() }
            count += 500
            elapsed = monotonicSeconds() - start
        } while elapsed < seconds
        return elapsed / Double(count) * 1e9
    }
}
