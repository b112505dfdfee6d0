@testable import OverlayWire

/// What `body` appends to a writer with room for a packet.
func written(_ body: (inout PacketWriter) -> Void) -> [UInt8] {
    PacketWriter.bytes(capacity: 9000, body)
}

/// The bytes that hexadecimal `text` stands for; spaces are skipped.
func hex(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
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

/// The generator of Steele, Lea and Flood (SplitMix64): one seed, one sequence.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
