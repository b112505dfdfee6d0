import PosternModel
import Testing

@testable import OverlayWire

@Suite("Packet writer")
struct PacketWriterTests {
    @Test func `fields stand one behind the other in network order`() {
        let bytes = PacketWriter.bytes(capacity: 64) {
            $0.append(UInt8(1))
            $0.append(bigEndian: UInt16(0x0203))
            $0.append(bigEndian: UInt32(0x0405_0607))
            $0.append(bigEndian: UInt64(0x0809_0a0b_0c0d_0e0f))
            $0.append([0x10, 0x11])
            $0.appendZeros(2)
            $0.append([])
        }
        #expect(bytes == Array(1...17) + [0, 0])
    }

    @Test func `thirty-two bytes are written as they came`() throws {
        let bytes: [UInt8] = Array(100..<132)
        let words = try #require(Words32(bytes: bytes))
        #expect(written { $0.append(words) } == bytes)
        #expect(words.bytes == bytes)
        #expect(Words32(bytes: Array(bytes.dropLast())) == nil)
        #expect(Words32(bytes: bytes + [0]) == nil)
    }

    @Test func `room shrinks with what is written, down to the limit`() {
        var rooms: [Int] = []
        _ = PacketWriter.bytes(capacity: 10) {
            rooms.append($0.remaining)
            $0.limit = 6
            rooms.append($0.remaining)
            $0.append([1, 2, 3, 4, 5, 6])
            rooms.append($0.remaining)
            $0.limit = $0.capacity
            rooms.append($0.remaining)
        }
        #expect(rooms == [10, 6, 0, 4])
    }

    @Test func `written bytes can be cut off, changed and seen`() {
        let bytes = PacketWriter.bytes(capacity: 16) {
            $0.append([1, 2, 3, 4, 5, 6])
            $0.truncate(to: 5)
            #expect($0.copyBytes() == [1, 2, 3, 4, 5])
            #expect($0.withSpan { $0.byteCount } == 5)
            $0.withUnsafeBytes(in: 1..<3) { $0.swapAt(0, 1) }
            $0.append(atMost: 4) { room in
                room[0] = 9
                return 1
            }
        }
        #expect(bytes == [1, 3, 2, 4, 5, 9])
    }

    @Test func `a field that does not fit traps`() async {
        await #expect(processExitsWith: .failure) {
            _ = PacketWriter.bytes(capacity: 3) { $0.append(bigEndian: UInt32(1)) }
        }
        await #expect(processExitsWith: .failure) {
            _ = PacketWriter.bytes(capacity: 3) { $0.append([1, 2, 3, 4]) }
        }
        await #expect(processExitsWith: .failure) { _ = PacketWriter.bytes(capacity: 3) { $0.appendZeros(4) } }
        await #expect(processExitsWith: .failure) {
            _ = PacketWriter.bytes(capacity: 8) {
                $0.limit = 1
                $0.append(UInt8(1))
                $0.append(UInt8(2))
            }
        }
    }

    @Test func `a limit behind the memory traps`() async {
        await #expect(processExitsWith: .failure) { _ = PacketWriter.bytes(capacity: 3) { $0.limit = 4 } }
    }

    @Test func `what was not written cannot be kept or seen`() async {
        await #expect(processExitsWith: .failure) { _ = PacketWriter.bytes(capacity: 8) { $0.truncate(to: 1) } }
        await #expect(processExitsWith: .failure) {
            _ = PacketWriter.bytes(capacity: 8) { $0.withUnsafeBytes(in: 0..<1) { _ in } }
        }
        await #expect(processExitsWith: .failure) {
            _ = PacketWriter.bytes(capacity: 8) { $0.append(atMost: 2) { _ in 3 } }
        }
    }

    @Test func `a relay has no wire form`() async {
        await #expect(processExitsWith: .failure) {
            _ = PacketWriter.bytes(capacity: 64) {
                $0.append(Endpoint.relay(RelayHandle(hub: 0, generation: 1, channel: RelayChannel(1))))
            }
        }
    }
}
