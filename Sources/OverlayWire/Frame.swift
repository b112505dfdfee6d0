package import PosternModel

/// The first byte of a frame (`Protocol.md` §6). STREAM and DATAGRAM carry flags in the low bits.
package enum FrameType {
    package static let padding: UInt8 = 0x00
    package static let ping: UInt8 = 0x01
    package static let ack: UInt8 = 0x02
    package static let ackECN: UInt8 = 0x03
    package static let resetStream: UInt8 = 0x04
    package static let stopSending: UInt8 = 0x05
    package static let stream: UInt8 = 0x08
    package static let maxData: UInt8 = 0x10
    package static let maxStreamData: UInt8 = 0x11
    package static let maxStreams: UInt8 = 0x12
    package static let newIndex: UInt8 = 0x18
    package static let pathChallenge: UInt8 = 0x1a
    package static let pathResponse: UInt8 = 0x1b
    package static let close: UInt8 = 0x1c
    package static let datagram: UInt8 = 0x20
    package static let relay: UInt8 = 0x28
    package static let observedAddress: UInt8 = 0x29
    package static let candidates: UInt8 = 0x2a
    package static let punch: UInt8 = 0x2b
    package static let attest: UInt8 = 0x2c
    package static let attested: UInt8 = 0x2d
    package static let delayedChallenge: UInt8 = 0x2e

    /// Flags of a STREAM frame: the stream ends here; a length follows; the port follows and the offset is 0.
    package static let streamFin: UInt8 = 0x01
    package static let streamLength: UInt8 = 0x02
    package static let streamOpen: UInt8 = 0x04
    /// Flag of a DATAGRAM frame: a length follows.
    package static let datagramLength: UInt8 = 0x01
}

/// One parsed frame. Bytes stay in the packet: frames name them by range.
package enum Frame: Equatable, Sendable {
    case padding
    case ping
    case ack(AckFrame)
    case resetStream(StreamID, code: ErrorCode, finalSize: UInt64)
    case stopSending(StreamID, code: ErrorCode)
    case stream(StreamFrame)
    case maxData(UInt64)
    case maxStreamData(StreamID, UInt64)
    case maxStreams(UInt64)
    case newIndex(sequence: UInt64, ReceiverIndex)
    case pathChallenge(UInt64)
    case pathResponse(UInt64)
    case close(code: ErrorCode, reason: Range<Int>)
    case datagram(port: VirtualPort, data: Range<Int>)
    case relay(RelayChannel, packet: Range<Int>)
    case observedAddress(sequence: UInt64, Endpoint)
    case candidates(CandidatesFrame)
    case punch(PunchFrame)
    case attest(RelayChannel)
    case attested(RelayChannel, Endpoint)
    /// To be answered by PATH_RESPONSE after so many milliseconds.
    case delayedChallenge(UInt64, delay: UInt64)
}

/// One step of a simultaneous opening (`Protocol.md` §9.2).
package struct PunchFrame: Hashable, Sendable {
    /// Who says what.
    package enum Step: UInt8, Sendable {
        /// "I am about to try: where are you?"
        case ask = 0
        /// The answer to that, with fresh candidates before it.
        case ready = 1
        /// "Now."
        case go = 2
        /// "Many ports of mine are open to your first public address: guess one."
        case spread = 3
        /// "Mine would not help: open yours."
        case turn = 4
    }

    /// What its sender says.
    package var step: Step
    /// The try of the node that asked; the other steps repeat it.
    package var sequence: UInt64
    /// With ``Step/go``: how many milliseconds its receiver waits before it sends.
    package var delay: UInt64

    /// The longest ``delay``.
    package static let longestDelay: UInt64 = 10_000

    package init(_ step: Step, sequence: UInt64, delay: UInt64 = 0) {
        self.step = step
        self.sequence = sequence
        self.delay = delay
    }
}

/// Bytes of a stream (RFC 9000 §19.8 in meaning).
package struct StreamFrame: Equatable, Sendable {
    package var id: StreamID
    /// Where the bytes belong in the stream.
    package var offset: UInt64
    /// Where they stand in the packet.
    package var data: Range<Int>
    /// Whether the stream ends with them.
    package var isFin: Bool
    /// The virtual port, in the frame that opens the stream; its offset is 0.
    package var port: VirtualPort?
}

/// Which packets arrived (RFC 9000 §19.3 in meaning). The ranges below the first stay in the packet: see ``AckRanges``.
package struct AckFrame: Equatable, Sendable {
    package var largest: PacketNumber
    /// How long the receiver of ``largest`` waited, in microseconds.
    package var delay: UInt64
    /// Packets acknowledged directly below ``largest``.
    package var firstRange: UInt64
    /// Further ranges, each a gap and a length.
    package var rangeCount: Int
    /// Where the first further range stands in the packet.
    package var rangesOffset: Int
    /// Counts of ECN marks, if the receiver sees them.
    package var ecn: ECNCounts?
}

/// How many packets arrived with each ECN codepoint (RFC 9000 §19.3.2).
package struct ECNCounts: Hashable, Sendable {
    package var ect0: UInt64
    package var ect1: UInt64
    package var ce: UInt64

    package init(ect0: UInt64 = 0, ect1: UInt64 = 0, ce: UInt64 = 0) {
        self.ect0 = ect0
        self.ect1 = ect1
        self.ce = ce
    }
}

/// The codepoint of RFC 3168 §5 in the IP header.
package enum ECNCodepoint: UInt8, Sendable {
    case notECT = 0
    case ect1 = 1
    case ect0 = 2
    case ce = 3
}

/// Where the sender may be reached (`Protocol.md` §8). Endpoints stay in the packet.
package struct CandidatesFrame: Equatable, Sendable {
    /// Counts up with each new set; an older one than the last seen is ignored.
    package var sequence: UInt64
    package var count: Int
    package var offset: Int
}

/// Walks down the ranges of an ``AckFrame``, largest first.
package struct AckRanges {
    private var smallest: UInt64
    private var offset: Int
    private var left: Int
    private var first: ClosedRange<UInt64>?

    /// Fails when the first range reaches below packet 0.
    package init(_ frame: AckFrame) throws(WireError) {
        guard frame.firstRange <= frame.largest.rawValue else { throw .invalidValue }
        smallest = frame.largest.rawValue - frame.firstRange
        first = smallest...frame.largest.rawValue
        offset = frame.rangesOffset
        left = frame.rangeCount
    }

    /// The next range of packet numbers, or nil behind the last. `span` is the payload that the frame was parsed from.
    package mutating func next(in span: RawSpan) throws(WireError) -> ClosedRange<UInt64>? {
        if let range = first {
            first = nil
            return range
        }
        guard left > 0 else { return nil }
        left -= 1
        // RFC 9000 §19.3.1: largest = previous smallest - gap - 2.
        let gap = try span.loadVarint(at: &offset)
        let length = try span.loadVarint(at: &offset)
        guard smallest >= 2, gap <= smallest - 2 else { throw .invalidValue }
        let largest = smallest - gap - 2
        guard length <= largest else { throw .invalidValue }
        smallest = largest - length
        return smallest...largest
    }
}
