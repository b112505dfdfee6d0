package import OverlayWire

/// The initiator's side of Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b (Noise rev 34): one message out, one message in.
///
/// ```
/// <- s                        the responder's static key is known
/// -> e, es, s, ss             message 1
/// <- e, ee, se, psk           message 2
/// ```
package struct NoiseInitiator: ~Copyable {
    private var handshake: NoiseHandshake
    private let ephemeral: ExchangeKeyPair

    /// Starts a handshake with the holder of `responder`. `ephemeralSeed` is 32 random bytes that are used only here;
    /// both sides must have the same `prologue`. Throws ``CryptoError/invalidKey`` on any other length.
    package init(
        identity: NodeIdentity,
        responder: ExchangeKey,
        psk: PreSharedKey,
        ephemeralSeed: [UInt8],
        prologue: [UInt8]
    ) throws(CryptoError) {
        let ephemeral = try ExchangeKeyPair(secretBytes: ephemeralSeed)
        let handshake = try NoiseHandshake(
            .postern,
            role: .initiator,
            prologue: prologue,
            localStatic: identity.exchange,
            remoteStatic: responder,
            psks: [psk]
        )
        self.ephemeral = ephemeral
        self.handshake = handshake
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

    /// Reads message 1: who sent it, authenticated by its static key, and its payload, which could be a replay. Throws
    /// ``CryptoError/authenticationFailed`` (or ``CryptoError/lowOrderPoint``) when it was not made for this node.
    package mutating func readMessage1(
        _ message: [UInt8]
    ) throws(CryptoError) -> (remote: ExchangeKey, payload: [UInt8]) {
        let payload = try handshake.read(message)
        guard let remote = handshake.remoteStatic else { preconditionFailure("message 1 of IK names its sender") }
        return (remote, payload)
    }

    /// Appends message 2: ephemeral key (32 bytes), sealed `payload` (16 more than it).
    ///
    /// `ephemeralSeed` is 32 random bytes that are used only here. Throws ``CryptoError/bufferTooSmall`` when `writer`
    /// has no room, ``CryptoError/exhausted`` when message 1 was not read; then nothing was appended.
    package mutating func writeMessage2(
        payload: [UInt8],
        psk: PreSharedKey,
        ephemeralSeed: [UInt8],
        to writer: inout PacketWriter
    ) throws(CryptoError) -> SessionSecrets {
        guard writer.remaining >= payload.count + PacketLayout.Response.noiseOverhead else { throw .bufferTooSmall }
        let ephemeral = try ExchangeKeyPair(secretBytes: ephemeralSeed)
        handshake.supply(psk)
        writer.append(try handshake.write(payload: payload, ephemeral: ephemeral))
        return try handshake.split()
    }
}
