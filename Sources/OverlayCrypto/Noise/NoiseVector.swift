import PosternModel

/// One conversation with all keys given: handshake messages, then transport messages.
struct NoiseVector {
    /// What about the vector is not as it should be.
    struct Mismatch: Error {
        let reason: String
    }

    private let noise: NoiseProtocol
    private let initiator: Party
    private let responder: Party
    private let messages: [Message]
    /// The expected transcript hash, where the vector has one.
    private let handshakeHash: [UInt8]?

    fileprivate struct Party {
        let prologue: [UInt8]
        let staticKey: ExchangeKeyPair?
        let ephemeral: ExchangeKeyPair?
        let remoteStatic: ExchangeKey?
        let psks: [PreSharedKey]
    }

    fileprivate struct Message {
        let payload: [UInt8]
        let ciphertext: [UInt8]
    }

    init(_ noise: NoiseProtocol, _ json: JSONValue) throws(Mismatch) {
        self.noise = noise
        initiator = try Party(json, prefix: "init_")
        responder = try Party(json, prefix: "resp_")
        handshakeHash = try json.hex("handshake_hash")
        guard let list = json["messages"]?.array else { throw Mismatch(reason: "no messages") }
        var messages: [Message] = []
        for element in list {
            guard let ciphertext = try element.hex("ciphertext") else { throw Mismatch(reason: "no ciphertext") }
            messages.append(Message(payload: try element.hex("payload") ?? [], ciphertext: ciphertext))
        }
        guard messages.count >= noise.pattern.messages.count else { throw Mismatch(reason: "too few messages") }
        self.messages = messages
    }

    /// Plays the conversation on both sides: each message must come out as the vector has it, and be understood.
    func check() throws(Mismatch) {
        var first = try handshake(.initiator, initiator)
        var second = try handshake(.responder, responder)
        let count = noise.pattern.messages.count
        for (position, message) in messages.prefix(count).enumerated() {
            let (written, read) = try attempt("message \(position)") { () throws(CryptoError) in
                if first.writer == .initiator {
                    let written = try first.write(payload: message.payload, ephemeral: initiator.ephemeral)
                    return (written, try second.read(message.ciphertext))
                }
                let written = try second.write(payload: message.payload, ephemeral: responder.ephemeral)
                return (written, try first.read(message.ciphertext))
            }
            try compare(position, message, written, read)
        }
        if let handshakeHash {
            guard first.hash == handshakeHash, second.hash == handshakeHash else {
                throw Mismatch(reason: "the handshake hash differs")
            }
        }
        let secrets = try attempt("split") { () throws(CryptoError) in (try first.split(), try second.split()) }
        try checkTransport(initiator: secrets.0, responder: secrets.1, from: count)
    }

    private func checkTransport(
        initiator: SessionSecrets,
        responder: SessionSecrets,
        from start: Int
    ) throws(Mismatch) {
        var forward = Direction(noise.cipher, sender: initiator, receiver: responder)
        var backward = Direction(noise.cipher, sender: responder, receiver: initiator)
        for (position, message) in messages.enumerated().dropFirst(start) {
            let isForward = noise.pattern.isOneWay || position % 2 == 0
            let (written, read) = try attempt("message \(position)") { () throws(CryptoError) in
                isForward ? try forward.pass(message) : try backward.pass(message)
            }
            try compare(position, message, written, read)
        }
    }

    private func handshake(_ role: NoiseRole, _ party: Party) throws(Mismatch) -> NoiseHandshake {
        do {
            return try NoiseHandshake(
                noise,
                role: role,
                prologue: party.prologue,
                localStatic: party.staticKey,
                remoteStatic: party.remoteStatic,
                psks: party.psks
            )
        } catch {
            throw Mismatch(reason: "the \(role) cannot begin: \(error)")
        }
    }

    private func attempt<Result>(
        _ step: String,
        _ body: () throws(CryptoError) -> Result
    ) throws(Mismatch) -> Result {
        do { return try body() } catch { throw Mismatch(reason: "\(step): \(error)") }
    }

    private func compare(
        _ position: Int,
        _ message: Message,
        _ written: [UInt8],
        _ read: [UInt8]
    ) throws(Mismatch) {
        guard written == message.ciphertext else { throw Mismatch(reason: "ciphertext \(position) differs") }
        guard read == message.payload else { throw Mismatch(reason: "payload \(position) differs") }
    }

    /// Transport messages one way: the sender's cipher and the receiver's.
    private struct Direction: ~Copyable {
        var sender: NoiseCipherState
        var receiver: NoiseCipherState

        init(_ cipher: NoiseCipher, sender: SessionSecrets, receiver: SessionSecrets) {
            self.sender = NoiseCipherState(cipher, key: sender.send.memory)
            self.receiver = NoiseCipherState(cipher, key: receiver.receive.memory)
        }

        mutating func pass(_ message: Message) throws(CryptoError) -> (written: [UInt8], read: [UInt8]) {
            (try sender.seal(message.payload, ad: []), try receiver.open(message.ciphertext, ad: []))
        }
    }
}

extension NoiseVector.Party {
    fileprivate init(_ json: JSONValue, prefix: String) throws(NoiseVector.Mismatch) {
        prologue = try json.hex(prefix + "prologue") ?? []
        staticKey = try Self.pair(json.hex(prefix + "static"))
        ephemeral = try Self.pair(json.hex(prefix + "ephemeral"))
        let remote = try json.hex(prefix + "remote_static")
        remoteStatic = remote.flatMap { ExchangeKey(bytes: $0) }
        guard remote == nil || remoteStatic != nil else { throw NoiseVector.Mismatch(reason: "a key without 32 bytes") }
        let texts = json[prefix + "psks"]?.array ?? json[prefix + "psk"].map { [$0] } ?? []
        psks = texts.compactMap { $0.string.flatMap { Hex.decode($0) }.flatMap { PreSharedKey(bytes: $0) } }
        guard psks.count == texts.count else { throw NoiseVector.Mismatch(reason: "a pre-shared key without 32 bytes") }
    }

    private static func pair(_ secret: [UInt8]?) throws(NoiseVector.Mismatch) -> ExchangeKeyPair? {
        guard let secret else { return nil }
        do { return try ExchangeKeyPair(secretBytes: secret) } catch {
            throw NoiseVector.Mismatch(reason: "a secret key without 32 bytes")
        }
    }
}

extension JSONValue {
    /// The bytes of the hexadecimal member `key`, or nil when there is none.
    fileprivate func hex(_ key: String) throws(NoiseVector.Mismatch) -> [UInt8]? {
        guard let value = self[key], value != .null else { return nil }
        guard let text = value.string, let bytes = Hex.decode(text) else {
            throw NoiseVector.Mismatch(reason: "\(key) is not hexadecimal")
        }
        return bytes
    }
}
