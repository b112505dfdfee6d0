package import PosternModel

/// Frames that carry no bytes of others, written as `Protocol.md` §6 draws them. The caller has checked ``remaining``.
extension PacketWriter {
    /// RESET_STREAM: the stream is aborted; `finalSize` is the end of what was sent.
    package mutating func appendResetStream(_ id: StreamID, code: ErrorCode, finalSize: UInt64) {
        append(FrameType.resetStream)
        append(varint: id.rawValue)
        append(varint: code.rawValue)
        append(varint: finalSize)
    }

    /// STOP_SENDING: its sender reads no more.
    package mutating func appendStopSending(_ id: StreamID, code: ErrorCode) {
        append(FrameType.stopSending)
        append(varint: id.rawValue)
        append(varint: code.rawValue)
    }

    /// A frame of one number: MAX_DATA or MAX_STREAMS.
    package mutating func appendLimit(_ type: UInt8, _ value: UInt64) {
        append(type)
        append(varint: value)
    }

    /// MAX_STREAM_DATA: the peer may send up to the offset `value`.
    package mutating func appendMaxStreamData(_ id: StreamID, _ value: UInt64) {
        append(FrameType.maxStreamData)
        append(varint: id.rawValue)
        append(varint: value)
    }

    /// NEW_INDEX: a spare receiver index.
    package mutating func appendNewIndex(sequence: UInt64, _ index: ReceiverIndex) {
        append(FrameType.newIndex)
        append(varint: sequence)
        append(bigEndian: index.rawValue)
    }

    /// PATH_CHALLENGE or PATH_RESPONSE.
    package mutating func appendPathToken(_ type: UInt8, _ token: UInt64) {
        append(type)
        append(bigEndian: token)
    }

    /// CLOSE with `reason` cut, between characters, to what the parser accepts.
    package mutating func appendClose(code: ErrorCode, reason: String) {
        var text: [UInt8] = []
        for scalar in reason.unicodeScalars {
            guard text.count + UTF8.width(scalar) <= Frame.Limits.reason else { break }
            text += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
        }
        append(FrameType.close)
        append(varint: code.rawValue)
        append(varint: UInt64(text.count))
        append(text)
    }

    /// OBSERVED_ADDRESS: where the peer is seen.
    package mutating func appendObservedAddress(sequence: UInt64, _ endpoint: Endpoint) {
        append(FrameType.observedAddress)
        append(varint: sequence)
        append(endpoint)
    }

    /// CANDIDATES: where the sender may be reached; at most `Frame.Limits.candidates`.
    package mutating func appendCandidates(sequence: UInt64, _ endpoints: some Collection<Endpoint>) {
        append(FrameType.candidates)
        append(varint: sequence)
        append(varint: UInt64(endpoints.count))
        for endpoint in endpoints { append(endpoint) }
    }

    /// PUNCH: a step of a simultaneous opening.
    package mutating func append(_ punch: PunchFrame) {
        append(FrameType.punch)
        append(punch.step.rawValue)
        append(varint: punch.sequence)
        append(varint: punch.delay)
    }

    /// DELAYED_CHALLENGE: to be answered after `delay` milliseconds.
    package mutating func append(delayedChallenge token: UInt64, delay: UInt64) {
        append(FrameType.delayedChallenge)
        append(bigEndian: token)
        append(varint: delay)
    }

    /// ATTEST: asks a hub to tell the other end of a conversation where it sees the sender.
    package mutating func append(attest channel: RelayChannel) {
        append(FrameType.attest)
        append(bigEndian: channel.rawValue)
    }

    /// ATTESTED: where the hub sees the other end of a conversation.
    package mutating func append(attested channel: RelayChannel, at endpoint: Endpoint) {
        append(FrameType.attested)
        append(bigEndian: channel.rawValue)
        append(endpoint)
    }

    /// The head of a STREAM frame; `byteCount` bytes must follow. Without a length they fill the packet.
    package mutating func appendStreamHead(
        _ id: StreamID,
        offset: UInt64,
        port: VirtualPort?,
        isFin: Bool,
        byteCount: Int?
    ) {
        var type = FrameType.stream
        if isFin { type |= FrameType.streamFin }
        if byteCount != nil { type |= FrameType.streamLength }
        if port != nil { type |= FrameType.streamOpen }
        append(type)
        append(varint: id.rawValue)
        if let port {
            append(bigEndian: port.rawValue)
        } else {
            append(varint: offset)
        }
        if let byteCount { append(varint: UInt64(byteCount)) }
    }

    /// A whole DATAGRAM frame, with its length.
    package mutating func appendDatagram(port: VirtualPort, _ data: RawSpan) {
        append(FrameType.datagram | FrameType.datagramLength)
        append(bigEndian: port.rawValue)
        append(varint: UInt64(data.byteCount))
        append(data)
    }

    /// The head of a RELAY frame; the relayed packet fills the rest of the packet.
    package mutating func appendRelayHead(_ channel: RelayChannel) {
        append(FrameType.relay)
        append(bigEndian: channel.rawValue)
    }
}
