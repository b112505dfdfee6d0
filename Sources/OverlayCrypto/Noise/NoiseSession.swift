package import OverlayWire

/// The initiator's side of Noise_IKpsk1_25519_ChaChaPoly_BLAKE2b (Noise rev 34): one message out, one message in.
///
/// ```
/// <- s                        the responder's static key is known
/// -> e, es, s, ss, psk        message 1
/// <- e, ee, se                message 2
/// ```
package struct NoiseInitiator: ~Copyable {
    private var handshake: NoiseHandshake
    private let ephemeral: ExchangeKeyPair

    /// Starts a handshake with the holder of `responder`, with an ephemeral key from `random`. Both sides must have the
    /// same `prologue`.
    package init(
        identity: NodeIdentity,
        responder: ExchangeKey,
        psk: PreSharedKey,
        prologue: [UInt8],
        using random: RandomSource
    ) {
        self.init(
            identity: identity,
            responder: responder,
            psk: psk,
            prologue: prologue,
            ephemeral: ExchangeKeyPair(from: random)
        )
    }

    init(
        identity: NodeIdentity,
        responder: ExchangeKey,
        psk: PreSharedKey,
        prologue: [UInt8],
        ephemeral: ExchangeKeyPair
    ) {
        do {
            handshake = try NoiseHandshake(
                .postern,
                role: .initiator,
                prologue: prologue,
                localStatic: identity.exchange,
                remoteStatic: responder,
                psks: [psk]
            )
        } catch {
            preconditionFailure("the initiator of IK needs no keys but these")
        }
        self.ephemeral = ephemeral
    }

    /// Appends message 1: ephemeral key (32 bytes), sealed static key (48), sealed `payload` (16 more than it).
    ///
    /// Throws ``CryptoError/lowOrderPoint`` when the responder's key is one, ``CryptoError/bufferTooSmall`` when
    /// `writer` has no room; then nothing was appended and the state is as it was.
    package mutating func writeMessage1(payload: [UInt8], to writer: inout PacketWriter) throws(CryptoError) {
        guard writer.remaining >= payload.count + PacketLayout.Initiation.noiseOverhead else { throw .bufferTooSmall }
        writer.append(try handshake.write(payload: payload, ephemeral: ephemeral))
    }

    /// Reads message 2. When it is not from the responder, throws ``CryptoError/authenticationFailed`` (or
    /// ``CryptoError/lowOrderPoint``) and leaves the state as it was, so that a true one can still come.
    package mutating func readMessage2(
        _ message: [UInt8]
    ) throws(CryptoError) -> (payload: [UInt8], secrets: SessionSecrets) {
        let payload = try handshake.read(message)
        return (payload, try handshake.split())
    }
}

/// The responder's side of the handshake that ``NoiseInitiator`` begins.
package struct NoiseResponder: ~Copyable {
    private var handshake: NoiseHandshake
    /// The payload of message 1 once its sender is known, still sealed.
    private var sealed: [UInt8]?

    /// Waits for message 1 to `identity`; both sides must have the same `prologue`.
    package init(identity: NodeIdentity, prologue: [UInt8]) {
        do {
            handshake = try NoiseHandshake(
                .postern,
                role: .responder,
                prologue: prologue,
                localStatic: identity.exchange,
                remoteStatic: nil
            )
        } catch {
            preconditionFailure("the responder of IK needs no key but its own")
        }
    }

    /// Reads who sent message 1, by its static key. That is proved only when ``readMessage1(psk:)`` has opened the
    /// payload under the secret that goes with this key.
    ///
    /// Throws ``CryptoError/authenticationFailed`` (or ``CryptoError/lowOrderPoint``) when the message was not made for
    /// this node, and leaves the state as it was.
    package mutating func readSender(of message: [UInt8]) throws(CryptoError) -> ExchangeKey {
        sealed = try handshake.readTokens(of: message)
        guard let remote = handshake.remoteStatic else { preconditionFailure("message 1 of IK names its sender") }
        return remote
    }

    /// Opens the payload of message 1, which could be a replay. `psk`: the secret shared with its sender.
    ///
    /// Throws ``CryptoError/authenticationFailed`` when it was made with another secret or changed, and leaves the
    /// state as it was: another secret can be tried. Throws ``CryptoError/exhausted`` when no sender was read.
    package mutating func readMessage1(psk: PreSharedKey) throws(CryptoError) -> [UInt8] {
        guard let sealed else { throw .exhausted }
        let payload = try handshake.read(sealed, psk: psk)
        self.sealed = nil
        return payload
    }

    /// Appends message 2: ephemeral key (32 bytes), sealed `payload` (16 more than it).
    ///
    /// The ephemeral key comes from `random`. Throws ``CryptoError/bufferTooSmall`` when `writer` has no room,
    /// ``CryptoError/exhausted`` when message 1 was not read; then nothing was appended.
    package mutating func writeMessage2(
        payload: [UInt8],
        to writer: inout PacketWriter,
        using random: RandomSource
    ) throws(CryptoError) -> SessionSecrets {
        try writeMessage2(payload: payload, to: &writer, ephemeral: ExchangeKeyPair(from: random))
    }

    mutating func writeMessage2(
        payload: [UInt8],
        to writer: inout PacketWriter,
        ephemeral: ExchangeKeyPair
    ) throws(CryptoError) -> SessionSecrets {
        guard writer.remaining >= payload.count + PacketLayout.Response.noiseOverhead else { throw .bufferTooSmall }
        writer.append(try handshake.write(payload: payload, ephemeral: ephemeral))
        return try handshake.split()
    }
}
