package import PosternModel

/// The random number by which one side names one life of a session; 0 stands for none.
package struct SessionNumber: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// No session.
    package static let none = SessionNumber(0)
}

/// The payload of Noise message 1 (`Protocol.md` §4.1). Early frames fill what is left behind it.
package struct InitiationPayload: Hashable, Sendable {
    /// Larger than in every first message of the initiator to this responder before: the replay guard.
    package var counter: UInt64
    /// Who the initiator is. Its X25519 form must be the static key that Noise authenticated.
    package var key: NodeKey
    /// The initiator's name for the session.
    package var ours: SessionNumber
    /// The responder's name for it if this re-keys a session, else ``SessionNumber/none``.
    package var theirs: SessionNumber
    /// Whether the initiator has AES in hardware.
    package var hasAES: Bool
    package var parameters: TransportParameters

    package init(
        counter: UInt64,
        key: NodeKey,
        ours: SessionNumber,
        theirs: SessionNumber,
        hasAES: Bool,
        parameters: TransportParameters
    ) {
        self.counter = counter
        self.key = key
        self.ours = ours
        self.theirs = theirs
        self.hasAES = hasAES
        self.parameters = parameters
    }

    /// Appends the payload without early frames.
    package func write(to writer: inout PacketWriter) {
        writer.append(bigEndian: counter)
        writer.append(key.words)
        writer.append(bigEndian: ours.rawValue)
        writer.append(bigEndian: theirs.rawValue)
        writer.append(UInt8(hasAES ? 0x01 : 0x00))
        let encoded = PacketWriter.bytes(capacity: 128) { parameters.write(to: &$0) }
        writer.append(varint: UInt64(encoded.count))
        writer.append(encoded)
    }

    /// Reads the payload at the start of `span`; `end` is where early frames begin.
    package static func parse(_ span: RawSpan) throws(WireError) -> (payload: InitiationPayload, end: Int) {
        let counter = try span.load(UInt64.self, at: 0)
        let key = try span.loadWords32(at: 8)
        let ours = try span.load(UInt64.self, at: 40)
        let theirs = try span.load(UInt64.self, at: 48)
        let flags = try span.loadByte(at: 56)
        var offset = 57
        let length = try span.loadVarint(at: &offset)
        guard length <= UInt64(span.byteCount - offset) else { throw .truncated }
        guard ours != 0, flags & ~0x01 == 0 else { throw .invalidValue }
        let end = offset + Int(length)
        let payload = InitiationPayload(
            counter: counter,
            key: NodeKey(words: key),
            ours: SessionNumber(ours),
            theirs: SessionNumber(theirs),
            hasAES: flags & 0x01 != 0,
            parameters: try TransportParameters(parsing: span, in: offset..<end)
        )
        return (payload, end)
    }
}

/// What a responder says about the key of who began a handshake (`Protocol.md` §4.9).
package enum IdentityStanding: UInt8, Hashable, Sendable {
    case unique = 0
    /// Another program with this key was heard within a minute. This one was there first, and is served.
    case shared = 1
    /// The same, but the other one was there first: no session was made.
    case refused = 3
}

/// The payload of Noise message 2 (`Protocol.md` §4.2).
package struct ResponsePayload: Hashable, Sendable {
    /// The responder's name for the session.
    package var ours: SessionNumber
    /// Whether this re-keys the session that the initiator named; false means that the former life is over.
    package var isContinued: Bool
    /// Whether the early frames of message 1 were taken.
    package var earlyAccepted: Bool
    /// Whether packets are sealed with AES-256-GCM, which takes both sides' hardware; else ChaCha20-Poly1305.
    package var usesAES: Bool
    /// Whether the initiator is alone with its key, as far as the responder has seen.
    package var standing: IdentityStanding
    package var parameters: TransportParameters

    package init(
        ours: SessionNumber,
        isContinued: Bool,
        earlyAccepted: Bool,
        usesAES: Bool,
        standing: IdentityStanding = .unique,
        parameters: TransportParameters
    ) {
        self.ours = ours
        self.isContinued = isContinued
        self.earlyAccepted = earlyAccepted
        self.usesAES = usesAES
        self.standing = standing
        self.parameters = parameters
    }

    /// Appends the payload.
    package func write(to writer: inout PacketWriter) {
        writer.append(bigEndian: ours.rawValue)
        var flags: UInt8 = 0
        if isContinued { flags |= 0x01 }
        if earlyAccepted { flags |= 0x02 }
        if usesAES { flags |= 0x04 }
        flags |= standing.rawValue << 3
        writer.append(flags)
        parameters.write(to: &writer)
    }

    package static func parse(_ span: RawSpan) throws(WireError) -> ResponsePayload {
        let ours = try span.load(UInt64.self, at: 0)
        let flags = try span.loadByte(at: 8)
        guard ours != 0, flags & ~0x1f == 0, let standing = IdentityStanding(rawValue: flags >> 3) else {
            throw .invalidValue
        }
        return ResponsePayload(
            ours: SessionNumber(ours),
            isContinued: flags & 0x01 != 0,
            earlyAccepted: flags & 0x02 != 0,
            usesAES: flags & 0x04 != 0,
            standing: standing,
            parameters: try TransportParameters(parsing: span, in: 9..<span.byteCount)
        )
    }
}
