import NIOCore
import Testing

@testable import OverlayNIO

struct WaitingBytesTests {
    @Test(arguments: [1, 3, 7, 100]) func `bytes come out in order, however little is taken at a time`(limit: Int) {
        var waiting = WaitingBytes()
        var expected: [UInt8] = []
        var taken: [UInt8] = []
        for round in 0..<300 {
            let bytes = (0..<(round % 11)).map { UInt8(truncatingIfNeeded: round &* 7 &+ $0) }
            if !bytes.isEmpty { waiting.append(ByteBuffer(bytes: bytes)) }
            expected += bytes
            var left = limit
            let isOpen = waiting.drain { buffer in
                let count = min(left, buffer.readableBytes)
                taken += buffer.readableBytesView.prefix(count)
                left -= count
                return count
            }
            #expect(isOpen)
            #expect(waiting.byteCount == expected.count - taken.count)
        }
        _ = waiting.drain { buffer in
            taken += buffer.readableBytesView
            return buffer.readableBytes
        }
        #expect(taken == expected)
        #expect(waiting.isEmpty)
    }

    @Test func `a stream that takes no more ends the passing on`() {
        var waiting = WaitingBytes()
        waiting.append(ByteBuffer(string: "late"))
        #expect(waiting.drain { _ in nil } == false)
        #expect(waiting.byteCount == 4)
    }
}
