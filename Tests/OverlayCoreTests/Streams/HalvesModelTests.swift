import PosternModel
import Testing

@testable import OverlayCore

/// Both halves of a stream over a wire that loses, repeats and reorders: every byte is delivered once, and the end.
@Suite("A stream over a bad wire")
struct HalvesModelTests {
    private struct Packet {
        var offset: UInt64
        var bytes: [UInt8]
        var isFin: Bool
    }

    @Test(arguments: 0..<150)
    func `every byte is delivered once and in order`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let sender = SendHalfWorld(limit: 3000, opensStream: true)
        let receiver = ReceiveHalfWorld(window: 3000)
        let size = UInt64.random(in: 0...60_000, using: &random)
        var wire: [Packet] = []
        var delivered: [UInt8] = []
        var steps = 0
        while !(sender.half.isDone && receiver.half.isDone) {
            steps += 1
            try #require(steps < 200_000, "seed \(seed) makes no progress")
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                if sender.half.written < size {
                    _ = sender.write(
                        Int(min(size - sender.half.written, .random(in: 1...9000, using: &random))),
                        maximum: 20_000
                    )
                } else {
                    sender.half.finish()
                }
            case 1..<5:
                let maximum = Int.random(in: 1...1400, using: &random)
                let (limit, sent) = (sender.half.limit, sender.half.sent)
                guard let (chunk, bytes) = sender.send(maximum) else { continue }
                #expect(bytes.count == chunk.count && chunk.count <= maximum)
                #expect(chunk.offset + UInt64(chunk.count) <= limit)
                #expect(!chunk.isNew || chunk.offset == sent)
                wire.append(Packet(offset: chunk.offset, bytes: bytes, isFin: chunk.isFin))
            case 5..<9:
                guard let position = wire.indices.randomElement(using: &random) else { continue }
                let packet = wire[position]
                let range = packet.offset..<packet.offset + UInt64(packet.bytes.count)
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    sender.half.lose(range, isFin: packet.isFin)
                    wire.remove(at: position)
                case 1:
                    _ = try receiver.receive(range, isFin: packet.isFin, bytes: packet.bytes)
                default:
                    _ = try receiver.receive(range, isFin: packet.isFin, bytes: packet.bytes)
                    sender.acknowledge(range, isFin: packet.isFin)
                    wire.remove(at: position)
                }
            default:
                delivered += receiver.read(Int.random(in: 1...5000, using: &random))
                let time = Int64(steps)
                let bounds = ReceiveHalf.WindowBounds(known: 0, maximum: 9000, room: .max)
                if receiver.half.grant(bounds, roundTrip: .milliseconds(50), at: .at(time)) {
                    sender.half.limit = max(sender.half.limit, receiver.half.limit)
                }
            }
        }
        #expect(delivered == streamBytes(0..<size))
        #expect(receiver.half.finalSize == size)
        #expect(sender.pool.usedBlocks == 0)
        #expect(receiver.pool.usedBlocks == 0)
    }
}
