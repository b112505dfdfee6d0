import PosternModel

extension Frame {
    /// Limits that the parser enforces on counts, so that one packet cannot ask for more work than its bytes are worth.
    package enum Limits {
        /// Candidates in one frame.
        package static let candidates = 16
        /// Bytes of the text in CLOSE.
        package static let reason = 256
        /// Milliseconds of a DELAYED_CHALLENGE.
        package static let challengeDelay: UInt64 = 120_000
    }

    /// The frame at `offset` of the decrypted payload `span`; `offset` moves past it.
    ///
    /// A run of PADDING counts as one frame. Any error means that the peer broke the protocol: the bytes were
    /// authenticated.
    package static func parse(_ span: RawSpan, at offset: inout Int) throws(WireError) -> Frame {
        let type = try span.loadByte(at: offset)
        offset += 1
        switch type {
        case FrameType.padding:
            while offset < span.byteCount, try span.loadByte(at: offset) == FrameType.padding { offset += 1 }
            return .padding
        case FrameType.ping:
            return .ping
        case FrameType.ack, FrameType.ackECN:
            return .ack(try AckFrame(parsing: span, at: &offset, hasECN: type == FrameType.ackECN))
        case FrameType.stream..<FrameType.stream + 8:
            return .stream(try StreamFrame(parsing: span, at: &offset, type: type))
        case FrameType.datagram, FrameType.datagram | FrameType.datagramLength:
            let port = try VirtualPort(span.load(UInt16.self, at: offset))
            offset += 2
            let data = try dataRange(span, at: &offset, hasLength: type & FrameType.datagramLength != 0)
            guard port.rawValue != 0 else { throw .invalidValue }
            return .datagram(port: port, data: data)
        case FrameType.relay:
            let channel = try span.load(UInt32.self, at: offset)
            let packet = offset + 4..<span.byteCount
            offset = span.byteCount
            return .relay(RelayChannel(channel), packet: packet)
        case _:
            return try parseControl(type, span, at: &offset)
        }
    }

    /// The frames that are rare: flow control, paths, the end.
    private static func parseControl(
        _ type: UInt8,
        _ span: RawSpan,
        at offset: inout Int
    ) throws(WireError) -> Frame {
        switch type {
        case FrameType.resetStream:
            let id = StreamID(try span.loadVarint(at: &offset))
            let code = ErrorCode(try span.loadVarint(at: &offset))
            return .resetStream(id, code: code, finalSize: try span.loadVarint(at: &offset))
        case FrameType.stopSending:
            let id = StreamID(try span.loadVarint(at: &offset))
            return .stopSending(id, code: ErrorCode(try span.loadVarint(at: &offset)))
        case FrameType.maxData:
            return .maxData(try span.loadVarint(at: &offset))
        case FrameType.maxStreamData:
            let id = StreamID(try span.loadVarint(at: &offset))
            return .maxStreamData(id, try span.loadVarint(at: &offset))
        case FrameType.maxStreams:
            return .maxStreams(try span.loadVarint(at: &offset))
        case FrameType.newIndex:
            let sequence = try span.loadVarint(at: &offset)
            let index = ReceiverIndex(try span.load(UInt32.self, at: offset))
            offset += 4
            return .newIndex(sequence: sequence, index)
        case FrameType.pathChallenge, FrameType.pathResponse:
            let token = try span.load(UInt64.self, at: offset)
            offset += 8
            return type == FrameType.pathChallenge ? .pathChallenge(token) : .pathResponse(token)
        case FrameType.close:
            let code = ErrorCode(try span.loadVarint(at: &offset))
            let reason = try dataRange(span, at: &offset, hasLength: true)
            guard reason.count <= Limits.reason else { throw .invalidValue }
            return .close(code: code, reason: reason)
        case FrameType.observedAddress:
            let sequence = try span.loadVarint(at: &offset)
            return .observedAddress(sequence: sequence, try span.loadEndpoint(at: &offset))
        case FrameType.candidates:
            return .candidates(try CandidatesFrame(parsing: span, at: &offset))
        case FrameType.punch:
            return .punch(try PunchFrame(parsing: span, at: &offset))
        case FrameType.attest, FrameType.attested:
            let channel = RelayChannel(try span.load(UInt32.self, at: offset))
            offset += 4
            guard type == FrameType.attested else { return .attest(channel) }
            return .attested(channel, try span.loadEndpoint(at: &offset))
        case FrameType.delayedChallenge:
            let token = try span.load(UInt64.self, at: offset)
            offset += 8
            let delay = try span.loadVarint(at: &offset)
            guard delay <= Limits.challengeDelay else { throw .invalidValue }
            return .delayedChallenge(token, delay: delay)
        case _:
            throw .unknownFrame
        }
    }

    /// The bytes that a frame carries: with a length in front, or up to the end of the packet.
    fileprivate static func dataRange(
        _ span: RawSpan,
        at offset: inout Int,
        hasLength: Bool
    ) throws(WireError) -> Range<Int> {
        guard hasLength else {
            let range = offset..<span.byteCount
            offset = span.byteCount
            return range
        }
        let length = try span.loadVarint(at: &offset)
        guard length <= UInt64(span.byteCount - offset) else { throw .truncated }
        let range = offset..<offset + Int(length)
        offset = range.upperBound
        return range
    }
}

extension AckFrame {
    fileprivate init(parsing span: RawSpan, at offset: inout Int, hasECN: Bool) throws(WireError) {
        largest = PacketNumber(try span.loadVarint(at: &offset))
        delay = try span.loadVarint(at: &offset)
        let count = try span.loadVarint(at: &offset)
        firstRange = try span.loadVarint(at: &offset)
        // Each range takes two bytes at least, so a count beyond that cannot be true.
        guard count <= UInt64(span.byteCount - offset) / 2 else { throw .truncated }
        rangeCount = Int(count)
        rangesOffset = offset
        var ranges = try AckRanges(self)
        while try ranges.next(in: span) != nil {}
        for _ in 0..<rangeCount * 2 { _ = try span.loadVarint(at: &offset) }
        guard hasECN else { return }
        ecn = ECNCounts(
            ect0: try span.loadVarint(at: &offset),
            ect1: try span.loadVarint(at: &offset),
            ce: try span.loadVarint(at: &offset)
        )
    }
}

extension StreamFrame {
    fileprivate init(parsing span: RawSpan, at offset: inout Int, type: UInt8) throws(WireError) {
        id = StreamID(try span.loadVarint(at: &offset))
        if type & FrameType.streamOpen != 0 {
            let port = VirtualPort(try span.load(UInt16.self, at: offset))
            guard port.rawValue != 0 else { throw .invalidValue }
            self.port = port
            self.offset = 0
            offset += 2
        } else {
            self.offset = try span.loadVarint(at: &offset)
        }
        isFin = type & FrameType.streamFin != 0
        data = try Frame.dataRange(span, at: &offset, hasLength: type & FrameType.streamLength != 0)
        guard self.offset <= Varint.maximum - UInt64(data.count) else { throw .invalidValue }
    }
}

extension PunchFrame {
    fileprivate init(parsing span: RawSpan, at offset: inout Int) throws(WireError) {
        guard let step = Step(rawValue: try span.loadByte(at: offset)) else { throw .invalidValue }
        offset += 1
        let sequence = try span.loadVarint(at: &offset)
        let delay = try span.loadVarint(at: &offset)
        guard delay <= Self.longestDelay else { throw .invalidValue }
        self.init(step, sequence: sequence, delay: delay)
    }
}

extension CandidatesFrame {
    fileprivate init(parsing span: RawSpan, at offset: inout Int) throws(WireError) {
        sequence = try span.loadVarint(at: &offset)
        let count = try span.loadVarint(at: &offset)
        guard count <= UInt64(Frame.Limits.candidates) else { throw .invalidValue }
        self.count = Int(count)
        self.offset = offset
        for _ in 0..<self.count { _ = try span.loadEndpoint(at: &offset) }
    }
}
