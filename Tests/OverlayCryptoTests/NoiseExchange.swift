import PosternModel

@testable import OverlayCrypto

/// A conversation with another implementation of Noise, one hexadecimal line per message, to prove that both agree.
///
/// The initiator sends message 1 and, after the handshake, one transport message after the other; the responder answers
/// each with what it said. Then the initiator sends `hash` and the handshake's hash, the responder the same, and both
/// are finished. `Tests/Interoperability/noise_peer.py` is the other side.
struct NoiseExchange: ~Copyable {
    /// Why a conversation ended before its end.
    enum Failure: Error, Hashable, Sendable {
        /// A role, key or payload that cannot be used.
        case invalidArgument(String)
        /// A line that is not what comes next.
        case unexpectedLine(String)
        /// The peer said something else than it should.
        case mismatch(String)
        case crypto(CryptoError)
    }

    /// Whether both sides have agreed on everything.
    private(set) var isFinished = false

    private let role: NoiseRole
    private let ephemeral: ExchangeKeyPair
    /// What the initiator says, one after the other.
    private let payloads: [[UInt8]]
    private var saidCount = 0
    private var handshake: NoiseHandshake
    private var sending = NoiseCipherState(.chaChaPoly)
    private var receiving = NoiseCipherState(.chaChaPoly)

    /// A side of the conversation. `role` is `initiator` or `responder`; all others are hexadecimal: the 32-byte X25519
    /// secrets, the responder's public key (which only the initiator needs), the pre-shared key (empty for none), the
    /// prologue, and what the initiator says, the payload of message 1 first.
    init(
        role: String,
        staticSecret: String,
        remoteStatic: String = "",
        psk: String = "",
        prologue: String = "",
        ephemeralSecret: String,
        payloads: [String] = []
    ) throws(Failure) {
        let side: NoiseRole? = role == "initiator" ? .initiator : role == "responder" ? .responder : nil
        guard let side else { throw .invalidArgument("role") }
        let pskBytes = try psk.isEmpty ? PreSharedKey.none : PreSharedKey(bytes: Self.bytes(psk, "pre-shared key"))
        guard let pskBytes else { throw .invalidArgument("pre-shared key") }
        var decoded: [[UInt8]] = []
        for payload in payloads { decoded.append(try Self.bytes(payload, "payload")) }
        guard side == .responder || !decoded.isEmpty else { throw .invalidArgument("payload") }
        let ephemeral = try Self.pair(ephemeralSecret, "ephemeral secret")
        let staticPair = try Self.pair(staticSecret, "static secret")
        let remote = ExchangeKey(bytes: try Self.bytes(remoteStatic, "remote static key"))
        let prologueBytes = try Self.bytes(prologue, "prologue")
        let handshake = try Self.handshake(side, prologueBytes, staticPair, remote, pskBytes)
        self.role = side
        self.ephemeral = ephemeral
        self.payloads = decoded
        self.handshake = handshake
    }

    /// The lines to send before any arrives: the initiator's message 1.
    mutating func begin() throws(Failure) -> [String] {
        switch role {
        case .initiator:
            guard saidCount == 0 else { throw .unexpectedLine("") }
            saidCount = 1
            return [try write(payloads[0])]
        case .responder:
            return []
        }
    }

    /// Takes the peer's next line and gives the lines to answer with.
    mutating func receive(_ line: String) throws(Failure) -> [String] {
        guard !isFinished else { throw .unexpectedLine(line) }
        if line.hasPrefix("hash ") { return try finish(line) }
        guard let message = Hex.decode(line) else { throw .unexpectedLine(line) }
        let payload = try read(message)
        switch role {
        case .initiator:
            guard payload == payloads[saidCount - 1] else { throw .mismatch("answer \(saidCount - 1)") }
            guard saidCount < payloads.count else { return [hashLine] }
            saidCount += 1
            return [try write(payloads[saidCount - 1])]
        case .responder:
            return [try write(payload)]
        }
    }

    private var hashLine: String { "hash " + Hex.encode(handshake.hash) }

    private mutating func finish(_ line: String) throws(Failure) -> [String] {
        guard handshake.isFinished else { throw .unexpectedLine(line) }
        guard line == hashLine else { throw .mismatch("handshake hash") }
        isFinished = true
        switch role {
        case .initiator: return []
        case .responder: return [hashLine]
        }
    }

    /// `payload` in the next message, of the handshake or behind it.
    private mutating func write(_ payload: [UInt8]) throws(Failure) -> String {
        do throws(CryptoError) {
            if handshake.isFinished { return Hex.encode(try sending.seal(payload, ad: [])) }
            let message = try handshake.write(payload: payload, ephemeral: ephemeral)
            try startTransport()
            return Hex.encode(message)
        } catch {
            throw .crypto(error)
        }
    }

    private mutating func read(_ message: [UInt8]) throws(Failure) -> [UInt8] {
        do throws(CryptoError) {
            if handshake.isFinished { return try receiving.open(message, ad: []) }
            let payload = try handshake.read(message)
            try startTransport()
            return payload
        } catch {
            throw .crypto(error)
        }
    }

    private mutating func startTransport() throws(CryptoError) {
        guard handshake.isFinished else { return }
        let secrets = try handshake.split()
        sending.setKey(secrets.send.memory)
        receiving.setKey(secrets.receive.memory)
    }

    private static func handshake(
        _ role: NoiseRole,
        _ prologue: [UInt8],
        _ pair: ExchangeKeyPair,
        _ remote: ExchangeKey?,
        _ psk: PreSharedKey
    ) throws(Failure) -> NoiseHandshake {
        do throws(CryptoError) {
            return try NoiseHandshake(
                .postern,
                role: role,
                prologue: prologue,
                localStatic: pair,
                remoteStatic: remote,
                psks: [psk]
            )
        } catch {
            throw .crypto(error)
        }
    }

    private static func bytes(_ text: String, _ name: String) throws(Failure) -> [UInt8] {
        guard let bytes = Hex.decode(text) else { throw .invalidArgument(name) }
        return bytes
    }

    private static func pair(_ text: String, _ name: String) throws(Failure) -> ExchangeKeyPair {
        do throws(CryptoError) {
            return try ExchangeKeyPair(secretBytes: Hex.decode(text) ?? [])
        } catch {
            throw .invalidArgument(name)
        }
    }
}
