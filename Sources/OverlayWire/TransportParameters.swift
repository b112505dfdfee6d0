/// What one side tells the other in the handshake about its limits (`Protocol.md` §4.3; RFC 9000 §18.2 in spirit).
///
/// On the wire: a sequence of (id varint, length varint, value); unknown ids are skipped, so that later versions can
/// add.
package struct TransportParameters: Hashable, Sendable {
    /// Bytes that all streams together may send before more is granted.
    package var maxData: UInt64
    /// Bytes that one stream may send before more is granted.
    package var maxStreamData: UInt64
    /// Streams that the receiver of these parameters may open before more is granted.
    package var maxStreams: UInt64
    /// The largest UDP payload that this side accepts, at least ``PacketLayout/relayedPathSize``.
    package var maxPacketSize: UInt64
    /// The longest time this side waits before it acknowledges, in milliseconds.
    package var maxAckDelay: UInt64
    /// Where the sender of these parameters sees the other side; only in a response.
    package var observed: Endpoint?
    /// A random number of the sender's process: two that take turns under one key are two programs.
    package var instance: UInt64
    /// The largest counter that the sender has taken from the receiver, which must go beyond it to be answered; only in
    /// an initiation.
    package var floor: UInt64?
    /// What the initiator remembers of the session before; only in an initiation without one that it goes on with.
    package var formerSession: FormerSession?

    package init(
        maxData: UInt64,
        maxStreamData: UInt64,
        maxStreams: UInt64,
        maxPacketSize: UInt64,
        maxAckDelay: UInt64,
        observed: Endpoint? = nil,
        instance: UInt64,
        floor: UInt64? = nil,
        formerSession: FormerSession? = nil
    ) {
        self.maxData = maxData
        self.maxStreamData = maxStreamData
        self.maxStreams = maxStreams
        self.maxPacketSize = maxPacketSize
        self.maxAckDelay = maxAckDelay
        self.observed = observed
        self.instance = instance
        self.floor = floor
        self.formerSession = formerSession
    }

    private enum ID: UInt64 {
        case maxData = 0x01
        case maxStreamData = 0x02
        case maxStreams = 0x03
        case maxPacketSize = 0x04
        case maxAckDelay = 0x05
        case observed = 0x06
        case instance = 0x07
        case floor = 0x08
        case formerSession = 0x09
    }

    /// Appends the parameters; they have no length of their own.
    package func write(to writer: inout PacketWriter) {
        func write(_ id: ID, _ value: UInt64) {
            writer.append(varint: id.rawValue)
            writer.append(varint: UInt64(Varint.size(value)))
            writer.append(varint: value)
        }
        write(.maxData, maxData)
        write(.maxStreamData, maxStreamData)
        write(.maxStreams, maxStreams)
        write(.maxPacketSize, maxPacketSize)
        write(.maxAckDelay, maxAckDelay)
        if let observed, let size = observed.wireSize {
            writer.append(varint: ID.observed.rawValue)
            writer.append(varint: UInt64(size))
            writer.append(observed)
        }
        func writeNumbers(_ id: ID, _ values: UInt64...) {
            writer.append(varint: id.rawValue)
            writer.append(varint: UInt64(values.count * 8))
            for value in values { writer.append(bigEndian: value) }
        }
        writeNumbers(.instance, instance)
        if let floor { writeNumbers(.floor, floor) }
        if let formerSession {
            writeNumbers(.formerSession, formerSession.number.rawValue, formerSession.silentMilliseconds)
        }
    }

    /// Reads the parameters that fill `range` of `span`. Each of the five limits and the instance must be there; ids
    /// that are unknown are skipped.
    package init(parsing span: RawSpan, in range: Range<Int>) throws(WireError) {
        var values: [UInt64?] = Array(repeating: nil, count: 6)
        var observed: Endpoint?
        var instance: UInt64?
        var floor: UInt64?
        var formerSession: FormerSession?
        var offset = range.lowerBound
        while offset < range.upperBound {
            let id = try span.loadVarint(at: &offset)
            let length = try span.loadVarint(at: &offset)
            // What follows the range is not for us: an id or a length may not reach into it.
            guard offset <= range.upperBound, length <= UInt64(range.upperBound - offset) else { throw .truncated }
            let end = offset + Int(length)
            switch ID(rawValue: id) {
            case .maxData, .maxStreamData, .maxStreams, .maxPacketSize, .maxAckDelay:
                values[Int(id)] = try span.loadVarint(at: &offset)
                guard offset == end else { throw .invalidValue }
            case .observed:
                observed = try span.loadEndpoint(at: &offset)
                guard offset == end else { throw .invalidValue }
            case .instance:
                guard length == 8 else { throw .invalidValue }
                instance = try span.load(UInt64.self, at: offset)
                offset = end
            case .floor:
                guard length == 8 else { throw .invalidValue }
                floor = try span.load(UInt64.self, at: offset)
                offset = end
            case .formerSession:
                guard length == 16 else { throw .invalidValue }
                let number = try span.load(UInt64.self, at: offset)
                let silence = try span.load(UInt64.self, at: offset + 8)
                formerSession = FormerSession(number: SessionNumber(number), silentMilliseconds: silence)
                offset = end
            case nil:
                offset = end
            }
        }
        guard let maxData = values[1], let maxStreamData = values[2], let maxStreams = values[3],
            let maxPacketSize = values[4], let maxAckDelay = values[5], let instance
        else { throw .invalidValue }
        guard maxPacketSize >= UInt64(PacketLayout.basePathSize), maxAckDelay <= 1000 else { throw .invalidValue }
        self.init(
            maxData: maxData,
            maxStreamData: maxStreamData,
            maxStreams: maxStreams,
            maxPacketSize: maxPacketSize,
            maxAckDelay: maxAckDelay,
            observed: observed,
            instance: instance,
            floor: floor,
            formerSession: formerSession
        )
    }
}

/// What an initiator remembers of the last session with the responder: by it the responder can tell how old the message
/// is (`Protocol.md` §4.5).
package struct FormerSession: Hashable, Sendable {
    /// The responder's name for the session.
    package var number: SessionNumber
    /// Milliseconds from when the initiator last heard the responder until it made the message.
    package var silentMilliseconds: UInt64

    package init(number: SessionNumber, silentMilliseconds: UInt64) {
        self.number = number
        self.silentMilliseconds = silentMilliseconds
    }
}
