import Testing

@testable import OverlayCore

@Suite("Sent packets")
struct SentPacketsTests {
    private func file(_ packets: inout SentPackets, sequences: [UInt64], isTracked: Bool = true) {
        for sequence in sequences { packets.add(.newIndex(sequence: sequence)) }
        packets.file(
            SentPacket(sentAt: .at(0), byteCount: 100, isTracked: isTracked, pathSerial: 1, stamp: DeliveryRate.Stamp())
        )
        packets.dropSettledFront()
    }

    private func sequences(_ packets: borrowing SentPackets, _ number: UInt64) -> [UInt64]? {
        guard let packet = packets.outstanding(number) else { return nil }
        var sequences: [UInt64] = []
        packets.forEachFrame(of: packet) {
            if case .newIndex(let sequence) = $0 { sequences.append(sequence) }
        }
        return sequences
    }

    @Test func `each packet keeps its own frames`() {
        var packets = SentPackets(next: 1)
        file(&packets, sequences: [10, 11])
        file(&packets, sequences: [])
        file(&packets, sequences: [30])
        #expect(packets.next == 4)
        #expect(sequences(packets, 1) == [10, 11])
        #expect(sequences(packets, 2) == [])
        #expect(sequences(packets, 3) == [30])
        #expect(sequences(packets, 0) == nil)
        #expect(sequences(packets, 4) == nil)
    }

    @Test func `what is settled leaves from the front, frames and all`() {
        var packets = SentPackets(next: 5)
        for number in 5..<10 as Range<UInt64> { file(&packets, sequences: [number, number]) }
        packets.settle(6, as: .acknowledged)
        packets.settle(5, as: .acknowledged)
        #expect(sequences(packets, 5) == nil)
        packets.dropSettledFront()
        #expect(packets.lowest == 7)
        #expect(packets.count == 3)
        #expect(sequences(packets, 9) == [9, 9])
        packets.settle(8, as: .acknowledged)
        packets.dropSettledFront()
        #expect(packets.lowest == 7)
        packets.settle(7, as: .acknowledged)
        packets.dropSettledFront()
        #expect(packets.lowest == 9)
        #expect(sequences(packets, 9) == [9, 9])
    }

    @Test func `packets that need not arrive hold nothing up`() {
        var packets = SentPackets(next: 0)
        file(&packets, sequences: [1], isTracked: false)
        #expect(packets.count == 0)
        #expect(packets.next == 1)
        file(&packets, sequences: [2])
        file(&packets, sequences: [3], isTracked: false)
        #expect(packets.count == 2)
        #expect(packets.outstanding(2) == nil)
        packets.settle(1, as: .acknowledged)
        packets.dropSettledFront()
        #expect(packets.count == 0)
        #expect(packets.next == 3)
    }

    @Test(arguments: 0..<10)
    func `frames belong to their packets in any order of settling`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var packets = SentPackets(next: 0)
        var model: [UInt64: [UInt64]] = [:]
        for _ in 0..<3000 {
            if Bool.random(using: &random) {
                let number = packets.next
                let frames = (0..<UInt64.random(in: 0..<4, using: &random)).map { number * 10 + $0 }
                let isTracked = Int.random(in: 0..<4, using: &random) > 0
                file(&packets, sequences: frames, isTracked: isTracked)
                if isTracked { model[number] = frames }
            } else if let number = model.keys.randomElement(using: &random) {
                packets.settle(number, as: .acknowledged)
                model[number] = nil
                if Bool.random(using: &random) { packets.dropSettledFront() }
            }
            if let number = model.keys.randomElement(using: &random) {
                #expect(sequences(packets, number) == model[number])
            }
        }
        packets.dropSettledFront()
        #expect(packets.lowest == model.keys.min() ?? packets.next)
    }
}
