import OverlayWire

/// Arbitrary bytes as the frames of a packet, and as the payloads of both handshake messages.
enum Frames {
    static func receive(_ bytes: [UInt8]) {
        readFrames(bytes)
        let span = bytes.span.bytes
        if let (_, end) = try? InitiationPayload.parse(span) {
            precondition(end <= bytes.count, "early frames begin within the payload")
        }
        if let response = try? ResponsePayload.parse(span) {
            let again = PacketWriter.bytes(capacity: 256) { response.write(to: &$0) }
            precondition((try? ResponsePayload.parse(again.span.bytes)) == response, "a payload survives writing")
        }
    }

    private static func readFrames(_ bytes: [UInt8]) {
        let span = bytes.span.bytes
        let whole = 0..<bytes.count
        var offset = 0
        while offset < bytes.count {
            let start = offset
            guard let frame = try? Frame.parse(span, at: &offset) else { return }
            precondition(offset > start && offset <= bytes.count, "a frame takes at least one byte")
            switch frame {
            case .stream(let stream):
                precondition(whole.contains(stream.data), "a frame's bytes are in its packet")
            case .datagram(_, let range), .relay(_, let range), .close(_, let range):
                precondition(whole.contains(range), "a frame's bytes are in its packet")
            case .ack(let ack):
                guard var ranges = try? AckRanges(ack) else { preconditionFailure("the first range was checked") }
                while let range = try? ranges.next(in: span) {
                    precondition(range.upperBound <= ack.largest.rawValue, "nothing lies above the largest")
                }
            case .padding, .ping, .resetStream, .stopSending, .maxData, .maxStreamData, .maxStreams, .newIndex,
                .pathChallenge, .pathResponse, .observedAddress, .candidates, .punch,
                .attest, .attested, .delayedChallenge:
                break
            }
        }
    }
}
