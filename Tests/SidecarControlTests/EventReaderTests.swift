import PosternModel
import Testing

@testable import SidecarControl

@Suite struct EventReaderTests {
    private let stream = Array(": hello\r\nevent: message\ndata: {\"a\":\ndata: 1}\n\ndata:2\n\n".utf8)

    @Test(arguments: 1...20)
    func `events are found however they are cut`(size: Int) throws {
        var reader = EventReader(limit: 100)
        reader.isEventStream = true
        var found: [JSONValue] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            found += try reader.read(stream[start..<min(start + size, stream.count)])
        }
        #expect(found == [["a": 1], 2])
    }

    @Test func `a body that is one document is read at its end`() throws {
        var reader = EventReader(limit: 100)
        #expect(try reader.read(Array("{\"a\"".utf8)).isEmpty)
        #expect(try reader.read(Array(":1}".utf8)).isEmpty)
        #expect(reader.end() == ["a": 1])
    }

    @Test func `what is too large is refused`() {
        var reader = EventReader(limit: 10)
        #expect(throws: EventReader.TooLarge.self) { _ = try reader.read(Array(repeating: 0x20, count: 11)) }
    }
}
