import PosternModel
import TestSupport
import Testing

@testable import OverlayWire

/// Bytes that nobody meant well: random ones, and valid ones with some changed.
@Suite("Hostile bytes")
struct WireFuzzTests {
    private static let rounds = 200_000

    /// Reads frames up to the first error, as a session does; traps if one does not move on.
    private func readAll(_ bytes: [UInt8]) -> Int {
        let span = bytes.span.bytes
        var offset = 0
        var frames = 0
        while offset < bytes.count {
            let start = offset
            guard let frame = try? Frame.parse(span, at: &offset) else { break }
            precondition(
                offset > start && offset <= bytes.count,
                "a frame takes at least a byte and no more than there are"
            )
            check(frame, span)
            frames += 1
        }
        return frames
    }

    /// Whether what a frame says of the packet holds.
    private func check(_ frame: Frame, _ span: RawSpan) {
        let whole = 0..<span.byteCount
        switch frame {
        case .stream(let stream):
            precondition(whole.contains(stream.data), "the bytes are in the packet")
            precondition(stream.offset + UInt64(stream.data.count) <= Varint.maximum, "the end is an offset")
        case .datagram(_, let range), .relay(_, let range), .close(_, let range):
            precondition(whole.contains(range), "the bytes are in the packet")
        case .ack(let ack):
            guard var ranges = try? AckRanges(ack) else { preconditionFailure("the parser has checked the ranges") }
            var below = UInt64.max
            for _ in 0...ack.rangeCount {
                guard let range = try? ranges.next(in: span) else { preconditionFailure("each range is there") }
                precondition(range.upperBound < below, "the ranges go down")
                below = range.lowerBound
            }
        case .candidates(let candidates):
            var offset = candidates.offset
            for _ in 0..<candidates.count {
                guard (try? span.loadEndpoint(at: &offset)) != nil else {
                    preconditionFailure("each endpoint is there")
                }
            }
        case .padding, .ping, .resetStream, .stopSending, .maxData, .maxStreamData, .maxStreams, .newIndex,
            .pathChallenge, .pathResponse, .observedAddress, .punch, .attest, .attested, .delayedChallenge:
            break
        }
    }

    private func mutated(_ bytes: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let position = Int.random(in: bytes.indices, using: &random)
            switch UInt8.random(in: 0..<6, using: &random) {
            case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1:
                bytes[position] = [0x00, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff].randomElement(using: &random) ?? 0
            case 2: bytes.remove(at: position)
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: position)
            case 4: bytes.removeSubrange(position...)
            default: bytes.append(contentsOf: bytes[position...].prefix(32))
            }
        }
        return bytes
    }

    @Test func `random frames are read or refused`() {
        var random = SplitMix(seed: 2)
        let types: [UInt8] = FrameTests.samples.compactMap(\.bytes.first)
        var frames = 0
        for _ in 0..<Self.rounds {
            var bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            if !bytes.isEmpty { bytes[0] = types.randomElement(using: &random) ?? 0 }
            frames += readAll(bytes)
        }
        #expect(frames > Self.rounds / 4)
    }

    @Test func `changed frames are read or refused`() {
        var random = SplitMix(seed: 3)
        var frames = 0
        for _ in 0..<Self.rounds {
            let parts = (0..<3).flatMap { _ in FrameTests.samples.randomElement(using: &random)?.bytes ?? [] }
            frames += readAll(mutated(parts, &random))
        }
        #expect(frames > Self.rounds)
    }

    @Test func `changed handshake payloads are read or refused`() throws {
        let parameters = TransportParameters(
            maxData: 1 << 20,
            maxStreamData: 1 << 16,
            maxStreams: 100,
            maxPacketSize: 1232,
            maxAckDelay: 25,
            observed: .ipv4(address: 1, port: 2),
            instance: 3,
            floor: 4,
            formerSession: FormerSession(number: SessionNumber(5), silentMilliseconds: 6)
        )
        let initiation = InitiationPayload(
            counter: 1,
            key: NodeKey(words: Words32(a: 1, b: 2, c: 3, d: 4)),
            ours: SessionNumber(1),
            theirs: SessionNumber(2),
            hasAES: true,
            parameters: parameters
        )
        let response = ResponsePayload(
            ours: SessionNumber(1),
            isContinued: true,
            earlyAccepted: true,
            usesAES: true,
            parameters: parameters
        )
        let first = written { initiation.write(to: &$0) } + hex("0e 00 0050 03 616263")
        let second = written { response.write(to: &$0) }
        var random = SplitMix(seed: 4)
        var taken = 0
        for _ in 0..<Self.rounds / 2 {
            let bytes = mutated(first, &random)
            if let (_, end) = try? InitiationPayload.parse(bytes.span.bytes) {
                taken += 1
                #expect(end <= bytes.count)
            }
            if (try? ResponsePayload.parse(mutated(second, &random).span.bytes)) != nil { taken += 1 }
        }
        #expect(taken > 0)
    }

    @Test func `random text is an endpoint, an address, a key or none`() {
        var random = SplitMix(seed: 5)
        let alphabet = Array("0123456789abcdefFz.:[]%+- é")
        for _ in 0..<Self.rounds / 10 {
            let text = String(
                (0..<Int.random(in: 0...24, using: &random)).compactMap { _ in alphabet.randomElement(using: &random) }
            )
            if let endpoint = Endpoint(text) { #expect(Endpoint(endpoint.description) == endpoint) }
            if let address = OverlayAddress(text) { #expect(OverlayAddress(address.description) == address) }
            _ = NodeKey(did: "did:key:z" + text)
        }
    }
}
