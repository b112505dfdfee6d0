import PosternModel
import TestSupport
import Testing

@testable import OverlayWire

@Suite("Frames")
struct FrameTests {
    /// A frame as it is written, and what it means.
    struct Sample: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var frame: Frame
        var testDescription: String { name }

        init(_ name: String, _ frame: Frame, _ body: (inout PacketWriter) -> Void) {
            self.name = name
            self.frame = frame
            bytes = written(body)
        }
    }

    private static let large: UInt64 = 0x3fff_ffff_ffff_ffff
    private static let ipv4 = Endpoint.ipv4(address: 0xc000_0201, port: 443)
    private static let ipv6 = Endpoint.ipv6(high: 0x2001_0db8_0000_0000, low: 1, port: 65535)

    /// One or more of every frame that ends by itself.
    static let samples: [Sample] = [
        Sample("PADDING", .padding) { $0.append(FrameType.padding) },
        Sample("PING", .ping) { $0.append(FrameType.ping) },
        Sample("RESET_STREAM", .resetStream(StreamID(4), code: .aborted, finalSize: large)) {
            $0.appendResetStream(StreamID(4), code: .aborted, finalSize: large)
        },
        Sample("STOP_SENDING", .stopSending(StreamID(large), code: ErrorCode(256))) {
            $0.appendStopSending(StreamID(large), code: ErrorCode(256))
        },
        Sample("MAX_DATA", .maxData(1 << 30)) { $0.appendLimit(FrameType.maxData, 1 << 30) },
        Sample("MAX_STREAMS", .maxStreams(63)) { $0.appendLimit(FrameType.maxStreams, 63) },
        Sample("MAX_STREAM_DATA", .maxStreamData(StreamID(64), 16384)) { $0.appendMaxStreamData(StreamID(64), 16384) },
        Sample("NEW_INDEX", .newIndex(sequence: 7, ReceiverIndex(0xdead_beef))) {
            $0.appendNewIndex(sequence: 7, ReceiverIndex(0xdead_beef))
        },
        Sample("PATH_CHALLENGE", .pathChallenge(0x0102_0304_0506_0708)) {
            $0.appendPathToken(FrameType.pathChallenge, 0x0102_0304_0506_0708)
        },
        Sample("PATH_RESPONSE", .pathResponse(.max)) { $0.appendPathToken(FrameType.pathResponse, .max) },
        Sample("CLOSE", .close(code: .shutdown, reason: 3..<6)) { $0.appendClose(code: .shutdown, reason: "bye") },
        Sample("CLOSE without text", .close(code: .none, reason: 3..<3)) { $0.appendClose(code: .none, reason: "") },
        Sample("OBSERVED_ADDRESS", .observedAddress(sequence: 64, ipv4)) {
            $0.appendObservedAddress(sequence: 64, ipv4)
        },
        Sample("OBSERVED_ADDRESS of IPv6", .observedAddress(sequence: 1, ipv6)) {
            $0.appendObservedAddress(sequence: 1, ipv6)
        },
        Sample("CANDIDATES", .candidates(CandidatesFrame(sequence: 9, count: 2, offset: 3))) {
            $0.appendCandidates(sequence: 9, [ipv4, ipv6])
        },
        Sample("ATTEST", .attest(RelayChannel(7))) { $0.append(attest: RelayChannel(7)) },
        Sample("ATTESTED", .attested(RelayChannel(7), .ipv4(address: 0xc633_6401, port: 9))) {
            $0.append(attested: RelayChannel(7), at: .ipv4(address: 0xc633_6401, port: 9))
        },
        Sample("DELAYED_CHALLENGE", .delayedChallenge(7, delay: 30_000)) {
            $0.append(delayedChallenge: 7, delay: 30_000)
        },
        Sample("PUNCH", .punch(PunchFrame(.go, sequence: 70, delay: 100))) {
            $0.append(PunchFrame(.go, sequence: 70, delay: 100))
        },
        Sample("CANDIDATES of nobody", .candidates(CandidatesFrame(sequence: 9, count: 0, offset: 3))) {
            $0.appendCandidates(sequence: 9, [])
        },
        Sample("DATAGRAM", .datagram(port: VirtualPort(9), data: 4..<6)) {
            $0.appendDatagram(port: VirtualPort(9), ([1, 2] as [UInt8]).span.bytes)
        },
        Sample("STREAM", .stream(StreamFrame(id: StreamID(3), offset: 70, data: 5..<8, isFin: false))) {
            $0.appendStreamHead(StreamID(3), offset: 70, port: nil, isFin: false, byteCount: 3)
            $0.append([7, 8, 9])
        },
        Sample(
            "STREAM that opens and ends",
            .stream(StreamFrame(id: StreamID(0), offset: 0, data: 5..<7, isFin: true, port: VirtualPort(80)))
        ) {
            $0.appendStreamHead(StreamID(0), offset: 0, port: VirtualPort(80), isFin: true, byteCount: 2)
            $0.append([7, 8])
        },
        Sample(
            "STREAM of nothing but the end",
            .stream(StreamFrame(id: StreamID(1), offset: 5, data: 4..<4, isFin: true))
        ) {
            $0.appendStreamHead(StreamID(1), offset: 5, port: nil, isFin: true, byteCount: 0)
        },
        Sample(
            "ACK",
            .ack(AckFrame(largest: PacketNumber(100), delay: 25, firstRange: 10, rangeCount: 1, rangesOffset: 6))
        ) { $0.append(hex("02 4064 19 01 0a 03 05")) },
        Sample(
            "ACK with ECN",
            .ack(
                AckFrame(
                    largest: PacketNumber(0),
                    delay: 0,
                    firstRange: 0,
                    rangeCount: 0,
                    rangesOffset: 5,
                    ecn: ECNCounts(ect0: 1, ect1: 2, ce: 64)
                )
            )
        ) { $0.append(hex("03 00 00 00 00 01 02 4040")) },
    ]

    @Test(arguments: samples)
    func `what is written is read back, and not a byte more is taken`(sample: Sample) throws {
        let (frame, end) = try parsedFrame(sample.bytes)
        #expect(frame == sample.frame)
        #expect(end == sample.bytes.count)
        let (again, sameEnd) = try parsedFrame(sample.bytes + [FrameType.ping])
        #expect(again == sample.frame)
        #expect(sameEnd == sample.bytes.count)
    }

    @Test(arguments: samples)
    func `a frame that is cut off anywhere is refused as truncated`(sample: Sample) {
        for count in sample.bytes.indices {
            #expect(refusal(Array(sample.bytes[..<count])) == .truncated, "cut to \(count) bytes")
        }
    }

    @Test func `all types that this version does not define are refused`() {
        let defined: Set<UInt8> = [
            0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x18,
            0x1a, 0x1b, 0x1c, 0x20, 0x21, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d,
            0x2e,
        ]
        for type in UInt8.min...UInt8.max {
            let body = [UInt8](repeating: 0x01, count: 64)
            #expect((refusal([type] + body) == .unknownFrame) == !defined.contains(type), "type \(type)")
        }
    }

    @Test func `frames one behind the other are read in order`() throws {
        let bytes = Self.samples.flatMap(\.bytes)
        var offset = 0
        var count = 0
        while offset < bytes.count {
            _ = try Frame.parse(bytes.span.bytes, at: &offset)
            count += 1
        }
        #expect(count == Self.samples.count)
        #expect(offset == bytes.count)
    }

    @Test func `a run of padding counts as one frame`() throws {
        let (frame, end) = try parsedFrame([0, 0, 0, 0, 1])
        #expect(frame == .padding)
        #expect(end == 4)
    }

    @Test func `a frame without a length takes the rest of the packet`() throws {
        let stream = written { $0.appendStreamHead(StreamID(2), offset: 9, port: nil, isFin: false, byteCount: nil) }
        let (frame, end) = try parsedFrame(stream + [1, 1, 1])
        #expect(frame == .stream(StreamFrame(id: StreamID(2), offset: 9, data: 3..<6, isFin: false)))
        #expect(end == 6)
        #expect(try parsedFrame(hex("20 0009 aabb")).frame == .datagram(port: VirtualPort(9), data: 3..<5))
        let relay = written { $0.appendRelayHead(RelayChannel(5)) }
        #expect(try parsedFrame(relay + [4, 4]).frame == .relay(RelayChannel(5), packet: 5..<7))
        #expect(refusal(Array(relay.dropLast())) == .truncated)
    }

    @Test(
        arguments: [
            ("a STREAM that opens port 0", "0e 00 0000 00", .invalidValue),
            ("a STREAM that ends behind 2^62 - 1", "0a 00 ffffffffffffffff 01 aa", .invalidValue),
            ("a STREAM whose length lies", "0a 00 00 40ff aa", .truncated),
            ("a STREAM with a length of 2^62 - 1", "0a 00 00 ffffffffffffffff aa", .truncated),
            ("a DATAGRAM to port 0", "21 0000 00", .invalidValue),
            ("a DATAGRAM whose length lies", "21 0009 05 aa", .truncated),
            ("a CLOSE whose length lies", "1c 00 02 61", .truncated),
            ("17 CANDIDATES", "2a 01 11 04 00000000 0000", .invalidValue),
            ("2^62 - 1 CANDIDATES", "2a 01 ffffffffffffffff", .invalidValue),
            ("a CANDIDATES count that lies", "2a 01 02 04 00000000 0000", .truncated),
            ("an address of an unknown family", "29 01 05 00000000 0000", .invalidValue),
            ("an ACK of packets below 0", "02 05 00 00 06", .invalidValue),
            ("an ACK with a range below 0", "02 0a 00 01 00 03 06", .invalidValue),
            ("an ACK with a gap below 0", "02 0a 00 01 00 09 00", .invalidValue),
            ("an ACK with a range below packet 1", "02 01 00 01 00 00 00", .invalidValue),
            ("an ACK whose range count lies", "02 0a 00 02 00 00 00", .truncated),
            ("an ACK with 2^62 - 1 ranges", "02 0a 00 ffffffffffffffff 00 00 00", .truncated),
            ("an ACK without the ECN counts that it promises", "03 0a 00 00 00 01 01", .truncated),
        ] as [(String, String, WireError)]
    )
    func `what the protocol forbids is refused`(what: String, bytes: String, reason: WireError) {
        #expect(refusal(hex(bytes)) == reason)
    }

    @Test func `a reason of 256 bytes is taken and one more is refused`() {
        let head = hex("1c 00")
        #expect(refusal(head + hex("4100") + Array(repeating: 0x61, count: 256)) == nil)
        #expect(refusal(head + hex("4101") + Array(repeating: 0x61, count: 257)) == .invalidValue)
    }

    @Test func `a stream may end exactly at the largest offset`() {
        #expect(refusal(hex("0a 00 fffffffffffffffe 01 aa")) == nil)
    }

    @Test(arguments: [0, 1, 2, 3])
    func `a reason that is too long is cut between characters`(shift: Int) throws {
        let reason = String(repeating: "x", count: shift) + String(repeating: "🙂", count: 100)
        let bytes = written { $0.appendClose(code: .none, reason: reason) }
        guard case .close(_, let range) = try parsedFrame(bytes).frame else {
            Issue.record("not a CLOSE")
            return
        }
        let text = String(validating: bytes[range], as: UTF8.self)
        let kept = try #require(text)
        #expect(reason.hasPrefix(kept))
        #expect(range.count > 256 - 4 && range.count <= 256)
    }
}
