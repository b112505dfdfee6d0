import PosternModel
import Synchronization
import TestSupport
import Testing
import TrustCore

/// Room that is full now and then.
private final class Room: EntryRoom {
    private let content = Mutex<(bytes: [UInt8], count: Int)>(([], 0))
    let refusesEach: Int

    init(refusesEach: Int) {
        self.refusesEach = refusesEach
    }

    var byteCount: Int { content.withLock { $0.bytes.count } }

    func append(_ bytes: [UInt8]) -> Int? {
        content.withLock { content in
            content.count += 1
            guard content.count % refusesEach != 0 else { return nil }
            content.bytes += bytes
            return content.bytes.count - bytes.count
        }
    }

    func bytes(at position: Int, count: Int) -> [UInt8]? {
        content.withLock { Array($0.bytes[position..<position + count]) }
    }
}

/// Entries that are not in memory are what they were (RULES N15).
@Suite struct NetworkArchiveTests {
    @Test(arguments: [2, 3, 1_000], 0..<4 as Range<UInt64>)
    func `a log whose entries are outside of memory is the same log, forked or not`(each: Int, seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        var common = try NetworkWorld.team()
        let content: JSONValue = ["services": .array([]), "pad": .string(String(repeating: "x", count: 8_000))]
        for second in 0..<20 { try common.write(by: people[0], .publish, content, at: 10 + Int64(second)) }
        for _ in 0..<30 { try? common.take(common.anyEntry(using: &generator)) }
        var (left, right) = (common, common)
        for _ in 0..<20 { try? left.take(left.anyEntry(using: &generator)) }
        for _ in 0..<20 { try? right.take(right.anyEntry(using: &generator)) }
        let entries = left.written + right.written.dropFirst(common.written.count)
        let room = Room(refusesEach: each)
        var outside = try NetworkLog(entries[0], room: room)
        var inside = try NetworkLog(entries[0])
        for entry in entries.dropFirst() {
            #expect(try outside.insert(entry) == inside.insert(entry))
            #expect(try outside.insert(entry) == false)
        }
        #expect(room.byteCount > 0)
        #expect(outside.state == inside.state && outside.heads == inside.heads && outside.isForked == inside.isForked)
        #expect(outside.all == inside.all && Set(outside.all) == Set(entries) && outside.count == entries.count)
        #expect(outside.texts.map { $0 } == outside.all.map(\.document.canonicalBytes))
        #expect(outside.locator == inside.locator && outside.locator.allSatisfy { outside.contains($0) })
        #expect(NetworkContent(of: outside, keys: left.keys) == NetworkContent(of: inside, keys: left.keys))
        let lacking = inside.entries(after: common.log.locator, byteCount: .max)
        #expect(lacking.count == entries.count - common.written.count)
        #expect(outside.entries(after: common.log.locator, byteCount: .max) == lacking)
        #expect(outside.entries(after: [], byteCount: 5_000) == inside.entries(after: [], byteCount: 5_000))
        #expect(!outside.contains(NetworkWorld(seed: 9).id.hash))
    }
}
