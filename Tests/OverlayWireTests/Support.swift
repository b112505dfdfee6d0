@testable import OverlayWire

/// What `body` appends to a writer with room for a packet.
func written(_ body: (inout PacketWriter) -> Void) -> [UInt8] {
    PacketWriter.bytes(capacity: 9000, body)
}

/// The frame at the start of `bytes`, and where the next one begins.
func parsedFrame(_ bytes: [UInt8]) throws(WireError) -> (frame: Frame, end: Int) {
    var offset = 0
    let frame = try Frame.parse(bytes.span.bytes, at: &offset)
    return (frame, offset)
}

/// Why `bytes` are no frame, or nil when they are.
func refusal(_ bytes: [UInt8]) -> WireError? {
    do throws(WireError) {
        _ = try parsedFrame(bytes)
        return nil
    } catch {
        return error
    }
}
