/// A Noise handshake, driven by the tokens of its pattern (Noise rev 34 §5.3). Production and test vectors share it.
///
/// A message that fails, on either side, leaves the state as it was.
struct NoiseHandshake: ~Copyable {
    /// The longest Noise message (rev 34 §3).
    static let maximumMessageSize = 65535

    /// The transcript hash so far; after the last message, the handshake's hash (rev 34 §11.2).
    var hash: [UInt8] { symmetric.hash }
    /// The other side's static key, once known.
    private(set) var remoteStatic: ExchangeKey?

    private let noise: NoiseProtocol
    private let role: NoiseRole
    private let localStatic: ExchangeKeyPair?
    private var symmetric: NoiseSymmetricState
    private var localEphemeral: ExchangeKeyPair?
    private var remoteEphemeral: ExchangeKey?
    /// Those of the pattern that are yet to be used, in order.
    private var psks: [PreSharedKey]
    private var nextMessage = 0

    /// Initialize: mixes the prologue and the static keys that are known beforehand. Throws ``CryptoError/invalidKey``
    /// when one that the pattern needs is missing.
    init(
        _ noise: NoiseProtocol,
        role: NoiseRole,
        prologue: [UInt8],
        localStatic: ExchangeKeyPair?,
        remoteStatic: ExchangeKey?,
        psks: [PreSharedKey] = []
    ) throws(CryptoError) {
        Sodium.start()
        let pattern = noise.pattern
        let known = (
            local: role == .initiator ? pattern.initiatorIsKnown : pattern.responderIsKnown,
            remote: role == .initiator ? pattern.responderIsKnown : pattern.initiatorIsKnown
        )
        var symmetric = NoiseSymmetricState(noise)
        symmetric.mixHash(prologue)
        for owner in [NoiseRole.initiator, .responder] {
            guard owner == role ? known.local : known.remote else { continue }
            guard let key = owner == role ? localStatic?.publicKey : remoteStatic else { throw .invalidKey }
            symmetric.mixHash(key.bytes)
        }
        self.noise = noise
        self.role = role
        self.localStatic = localStatic
        self.remoteStatic = known.remote ? remoteStatic : nil
        self.psks = psks
        self.symmetric = symmetric
    }

    private init(copying other: borrowing NoiseHandshake) {
        noise = other.noise
        role = other.role
        localStatic = other.localStatic
        remoteStatic = other.remoteStatic
        symmetric = other.symmetric.copy()
        localEphemeral = other.localEphemeral
        remoteEphemeral = other.remoteEphemeral
        psks = other.psks
        nextMessage = other.nextMessage
    }

    var isFinished: Bool { nextMessage == noise.pattern.messages.count }

    /// Whose turn it is to write.
    var writer: NoiseRole { nextMessage % 2 == 0 ? .initiator : .responder }

    /// WriteMessage: the next message with `payload`. `ephemeral` is used if the message has one.
    mutating func write(payload: [UInt8], ephemeral: ExchangeKeyPair?) throws(CryptoError) -> [UInt8] {
        var attempt = NoiseHandshake(copying: self)
        let message = try attempt.advance(writing: payload, ephemeral: ephemeral)
        guard message.count <= Self.maximumMessageSize else { throw .bufferTooSmall }
        self = attempt
        return message
    }

    /// ReadMessage: the payload of the next message, `message`.
    mutating func read(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        var attempt = NoiseHandshake(copying: self)
        let sealed = try attempt.readTokens(of: message, endingBeforePSK: false)
        let payload = try attempt.open(sealed)
        self = attempt
        return payload
    }

    /// ReadMessage as far as it goes without the pre-shared key with which the tokens of the next message end: who sent
    /// it is known then. Gives the sealed payload, which ``read(_:psk:)`` opens.
    mutating func readTokens(of message: [UInt8]) throws(CryptoError) -> [UInt8] {
        var attempt = NoiseHandshake(copying: self)
        let sealed = try attempt.readTokens(of: message, endingBeforePSK: true)
        self = attempt
        return sealed
    }

    /// The payload in `sealed`, what ``readTokens(of:)`` left of a message, with the pre-shared key that ends it.
    mutating func read(_ sealed: [UInt8], psk: PreSharedKey) throws(CryptoError) -> [UInt8] {
        var attempt = NoiseHandshake(copying: self)
        attempt.psks = [psk]
        try attempt.mix(.psk)
        let payload = try attempt.open(sealed)
        self = attempt
        return payload
    }

    /// Split, after the last message.
    mutating func split() throws(CryptoError) -> SessionSecrets {
        guard isFinished else { throw .exhausted }
        let (initiator, responder) = symmetric.split()
        switch role {
        case .initiator: return SessionSecrets(send: initiator, receive: responder, handshakeHash: hash)
        case .responder: return SessionSecrets(send: responder, receive: initiator, handshakeHash: hash)
        }
    }

    private mutating func advance(writing payload: [UInt8], ephemeral: ExchangeKeyPair?) throws(CryptoError) -> [UInt8]
    {
        guard !isFinished, writer == role else { throw .exhausted }
        var message: [UInt8] = []
        for token in noise.pattern.messages[nextMessage] {
            switch token {
            case .e:
                guard let ephemeral else { throw .invalidKey }
                localEphemeral = ephemeral
                message += ephemeral.publicKey.bytes
                mixEphemeral(ephemeral.publicKey)
            case .s:
                guard let localStatic else { throw .invalidKey }
                message += try symmetric.seal(localStatic.publicKey.bytes)
            case .ee, .es, .se, .ss, .psk:
                try mix(token)
            }
        }
        message += try symmetric.seal(payload)
        nextMessage += 1
        return message
    }

    /// Takes the tokens of the next message, `message`, all or all but a pre-shared key at their end, and gives the
    /// sealed payload behind them.
    private mutating func readTokens(
        of message: [UInt8],
        endingBeforePSK: Bool
    ) throws(CryptoError) -> [UInt8] {
        guard message.count <= Self.maximumMessageSize else { throw .authenticationFailed }
        guard !isFinished, writer != role else { throw .exhausted }
        var tokens = noise.pattern.messages[nextMessage][...]
        if endingBeforePSK {
            guard tokens.popLast() == .psk else { throw .exhausted }
        }
        var rest = message[...]
        for token in tokens {
            switch token {
            case .e:
                let key = try Self.key(Self.take(ExchangeKeyPair.byteCount, from: &rest))
                remoteEphemeral = key
                mixEphemeral(key)
            case .s:
                let tagSize = symmetric.hasKey ? NoiseCipher.tagSize : 0
                let sealed = try Self.take(ExchangeKeyPair.byteCount + tagSize, from: &rest)
                remoteStatic = try Self.key(symmetric.open(sealed))
            case .ee, .es, .se, .ss, .psk:
                try mix(token)
            }
        }
        return Array(rest)
    }

    /// The payload that ends the message whose tokens were taken.
    private mutating func open(_ sealed: [UInt8]) throws(CryptoError) -> [UInt8] {
        let payload = try symmetric.open(sealed)
        nextMessage += 1
        return payload
    }

    private mutating func mixEphemeral(_ key: ExchangeKey) {
        symmetric.mixHash(key.bytes)
        // Noise rev 34 §9.2: in psk handshakes an ephemeral key also goes into the chain, so that no key repeats.
        if noise.pattern.pskCount > 0 { symmetric.mixKey(publicValue: key.bytes) }
    }

    /// The tokens that change keys only. `es` means the initiator's ephemeral and the responder's static key.
    private mutating func mix(_ token: NoiseToken) throws(CryptoError) {
        switch (token, role) {
        case (.ee, _): try mixKey(localEphemeral, remoteEphemeral)
        case (.es, .initiator), (.se, .responder): try mixKey(localEphemeral, remoteStatic)
        case (.es, .responder), (.se, .initiator): try mixKey(localStatic, remoteEphemeral)
        case (.ss, _): try mixKey(localStatic, remoteStatic)
        case (.psk, _):
            guard let psk = psks.first else { throw .invalidKey }
            psks.removeFirst()
            symmetric.mixKeyAndHash(psk)
        case (.e, _), (.s, _): preconditionFailure("keys travel in messages, not in mixes")
        }
    }

    private mutating func mixKey(_ pair: ExchangeKeyPair?, _ other: ExchangeKey?) throws(CryptoError) {
        guard let pair, let other else { throw .invalidKey }
        try symmetric.mixKey(pair, other)
    }

    private static func take(_ byteCount: Int, from rest: inout ArraySlice<UInt8>) throws(CryptoError) -> [UInt8] {
        guard rest.count >= byteCount else { throw .authenticationFailed }
        defer { rest = rest.dropFirst(byteCount) }
        return Array(rest.prefix(byteCount))
    }

    private static func key(_ bytes: [UInt8]) throws(CryptoError) -> ExchangeKey {
        guard let key = ExchangeKey(bytes: bytes) else { throw .invalidKey }
        return key
    }
}
