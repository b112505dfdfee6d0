package import PosternModel

/// The first byte of every packet (`Protocol.md` §3).
package enum PacketType: UInt8, Sendable {
    /// Noise message 1, from the initiator.
    case initiation = 0x01
    /// Noise message 2, from the responder.
    case response = 0x02
    /// What a responder under load says instead of message 2.
    case cookie = 0x03
    /// Encrypted frames.
    case protected = 0x04
}

/// Sizes and offsets of the packet layouts that `Protocol.md` §3 draws, in bytes.
package enum PacketLayout {
    /// The tag of both ciphers (RFC 8439 §2.8, NIST SP 800-38D).
    package static let tagSize = 16
    /// The UDP payload with which every path begins: that of an initiation, which has crossed it (BASE_PLPMTU of RFC
    /// 8899 §5.1.2).
    package static let basePathSize = 1200
    /// The UDP payload that is sent on a path which turns out to carry less than that (MIN_PLPMTU): the datagram of 576
    /// bytes that every IPv4 host takes (RFC 791 §3.1) less the longer pair of headers, IPv6's and UDP's.
    package static let smallestPathSize = 576 - 48
    /// The largest packet that a path through a relay carries. It is 30 bytes longer on the hub's path, wrapped.
    package static let relayedPathSize = 1200
    /// The largest handshake packet. An initiation has this size.
    package static let maximumHandshakeSize = 1200

    /// A PATH_CHALLENGE or PATH_RESPONSE: type and token.
    package static let pathFrameSize = 1 + 8

    /// Offsets in a protected packet: type, receiver index, masked packet number, ciphertext, tag.
    package enum Protected {
        package static let index = 1
        package static let packetNumber = 5
        package static let payload = 9
        /// Header and tag: what a packet costs beside its frames.
        package static let overhead = payload + tagSize
    }

    /// Offsets in an initiation: type, sender index, ephemeral key, sealed static key, sealed payload, mac1, mac2.
    package enum Initiation {
        package static let senderIndex = 1
        package static let noise = 5
        /// The Noise part without its payload: e (32), s (32 + 16), the payload's tag (16).
        package static let noiseOverhead = 32 + 48 + 16
        package static let macs = 32
        /// The first MAC.
        package static let mac1 = byteCount - 32..<byteCount - 16
        /// Every initiation has the same size: what is in it cannot be guessed, and it is worth an answer three times
        /// as long (§4.8).
        package static let byteCount = maximumHandshakeSize
        /// What is left for the payload of message 1.
        package static let payloadSize = byteCount - noise - noiseOverhead - macs
    }

    /// Offsets in a cookie: type, receiver index, nonce, sealed cookie, tag.
    package enum Cookie {
        package static let receiverIndex = 1
        package static let nonce = 5
        package static let sealed = 29
        package static let byteCount = sealed + 32 + tagSize
    }

    /// Offsets in a response: type, sender index, receiver index, ephemeral key, sealed payload, mac1, mac2.
    package enum Response {
        package static let senderIndex = 1
        package static let receiverIndex = 5
        package static let noise = 9
        /// The Noise part without its payload: e (32), the payload's tag (16).
        package static let noiseOverhead = 32 + 16
        package static let macs = 32
        package static let minimum = noise + noiseOverhead + macs
    }

    /// What every handshake with the holder of `responder` begins with: it binds both sides to this version and to that
    /// very Ed25519 key, of which the static key in Noise is only a form (Noise rev 34 §6).
    package static func prologue(to responder: NodeKey) -> [UInt8] {
        Array("postern overlay 2".utf8) + responder.bytes
    }
}
