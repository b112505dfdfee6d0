import OverlayCrypto
import PosternModel
import TestSupport
import Testing
import TrustCore

@Suite struct JournalChainTests {
    private let key = ChainKey(of: alice, for: .journal)

    /// A journal that begins with an opening line and goes on with `count` more, and the end after each of its lines.
    private func journal(_ count: Int) -> (lines: [[UInt8]], heads: [ChainHead]) {
        var chain = JournalChain(key: key)
        var lines = [chain.append(JournalChain.opening, isBase: true)]
        var heads = [chain.head]
        for number in 0..<count {
            lines.append(chain.append(Array("[\(number)]".utf8)))
            heads.append(chain.head)
        }
        return (lines, heads)
    }

    private func read(
        _ lines: [[UInt8]],
        mark: ChainHead?,
        isNew: Bool = false
    ) throws(JournalFault) -> JournalReading {
        try JournalReading(lines.flatMap { $0 }, key: key, mark: mark, isNew: isNew)
    }

    private func reason(_ lines: [[UInt8]], mark: ChainHead?, isNew: Bool = false) -> JournalFault.Reason? {
        do throws(JournalFault) {
            _ = try read(lines, mark: mark, isNew: isNew)
            return nil
        } catch {
            return error.reason
        }
    }

    @Test func `a journal reads as it was written, and goes on behind its end`() throws {
        let (lines, heads) = journal(4)
        let reading = try read(lines, mark: heads[4])
        #expect(reading.contents.map { String(decoding: $0, as: UTF8.self) } == ["[]", "[0]", "[1]", "[2]", "[3]"])
        #expect(reading.head == heads[4] && reading.past.suffix(4) == heads[..<4])
        var chain = JournalChain(after: reading.head, key: key)
        let more = chain.append(Array("[4]".utf8), minimum: 40)
        #expect(chain.head.sequence == 40)
        #expect(try read(lines + [more], mark: chain.head).contents.count == 6)
    }

    @Test func `a line that is removed, moved, repeated or changed is noticed (N19)`() {
        let (lines, heads) = journal(5)
        for position in 1..<5 {
            var removed = lines
            removed.remove(at: position)
            #expect(reason(removed, mark: heads[5]) == .outOfOrder)
            var swapped = lines
            swapped.swapAt(position, position + 1)
            #expect(reason(swapped, mark: heads[5]) == .outOfOrder)
            var repeated = lines
            repeated.insert(lines[position], at: position)
            #expect(reason(repeated, mark: heads[5]) == .outOfOrder)
            var changed = lines
            changed[position][lines[position].count - 3] ^= 1
            #expect(reason(changed, mark: heads[5]) == .damaged)
        }
        #expect(reason(Array(lines.dropFirst()), mark: heads[5]) == .outOfOrder)
    }

    @Test func `lines cut off the end, and a journal that is gone, are noticed by the mark (N19)`() {
        let (lines, heads) = journal(5)
        for count in 0..<6 { #expect(reason(Array(lines[..<count]), mark: heads[5]) == .cut(Int64(6 - count))) }
        var torn = lines
        torn[5].removeLast(4)
        #expect(reason(torn, mark: heads[5]) == .cut(1))
        #expect(reason(torn, mark: heads[4]) == nil, "a line that nobody was told of may be torn")
    }

    @Test func `without a mark only a journal counts that has just been begun`() {
        let (lines, _) = journal(2)
        #expect(reason([], mark: nil, isNew: true) == nil)
        #expect(reason(Array(lines[..<1]), mark: nil, isNew: true) == nil)
        #expect(reason(lines, mark: nil, isNew: true) == .noMark)
        #expect(reason([], mark: nil) == .noMark)
        #expect(reason(Array(lines[..<1]), mark: nil) == .noMark)
    }

    @Test func `a line that another node has sealed is none`() {
        let (lines, heads) = journal(2)
        var forger = JournalChain(after: heads[2], key: ChainKey(of: mallory, for: .journal))
        let forged = forger.append(Array("[9]".utf8))
        #expect(reason(lines + [forged] + [forged], mark: heads[2]) == nil)
        #expect((try? read(lines + [forged], mark: heads[2]))?.contents.count == 3, "it is cut off like a torn one")
        var other = JournalChain(after: heads[2], key: ChainKey(of: alice, for: .audit))
        #expect((try? read(lines + [other.append(Array("[9]".utf8))], mark: heads[2]))?.contents.count == 3)
    }

    @Test func `a base goes on with the chain, and stands for what was before it`() throws {
        let (lines, heads) = journal(3)
        var chain = JournalChain(after: heads[3], key: key)
        let base = chain.append(Array("[0,1,2]".utf8), isBase: true)
        let end = chain.head
        let more = chain.append(Array("[3]".utf8))
        let reading = try read([base, more], mark: chain.head)
        #expect(reading.head.sequence == heads[3].sequence + 2 && reading.past == [heads[3], end])
        // The mark of the line before the base, where the process ended between the two.
        #expect(reason([base], mark: heads[3]) == nil)
        #expect(reason([base], mark: ChainHead(sequence: heads[3].sequence, hash: heads[2].hash)) == .wrongMark)
        #expect(reason([more], mark: chain.head) == .outOfOrder)
        #expect(reason(lines + [base], mark: end) == .outOfOrder)
        #expect(reason(lines, mark: end) == .cut(1), "the journal of before a compaction is an old one")
    }

    @Test func `a journal of a former version is read and continued, and its lines cannot go any more`() throws {
        let former = ["[1]", "[2]"].map { text in
            Array("\(Hex.encode(Hash.blake2b(Array(text.utf8), byteCount: 8))) \(text)\n".utf8)
        }
        #expect(try read(former, mark: nil, isNew: true).isBegun == false)
        #expect(reason(former, mark: nil) == .noMark, "a node that has sealed lines does not go back")
        let text = former.flatMap { $0 }
        var chain = JournalChain(
            after: ChainHead(sequence: 2, hash: JournalReading.hash(ofFormer: text[...])),
            key: key
        )
        let opening = chain.append(JournalChain.opening)
        #expect(reason(former + [opening], mark: nil, isNew: true) == nil)
        let more = chain.append(Array("[3]".utf8))
        let reading = try read(former + [opening, more], mark: chain.head)
        #expect(reading.contents.map { String(decoding: $0, as: UTF8.self) } == ["[1]", "[2]", "[]", "[3]"])
        #expect(reason([former[1], opening, more], mark: chain.head) == .outOfOrder)
        #expect(reason([opening, more], mark: chain.head) == .outOfOrder)
        #expect(reason(former + [opening, more, former[0]], mark: chain.head) == .outOfOrder)
    }

    @Test func `what is left of a broken journal is found, in its order`() {
        let (lines, heads) = journal(6)
        let broken = [lines[5], lines[1], Array("junk\n".utf8), lines[3], lines[3]].flatMap { $0 }
        let saved = JournalReading.salvage(broken, key: key)
        #expect(saved.contents.map { String(decoding: $0, as: UTF8.self) } == ["[0]", "[2]", "[4]"])
        #expect(saved.last == heads[5])
        var chain = JournalChain(after: heads[6], key: key)
        let base = chain.append(Array("[all]".utf8), isBase: true)
        #expect(JournalReading.salvage(base + lines[2], key: key).contents.count == 1, "a base says what was before")
    }

    /// Whatever is done to the file, the node starts with all that was acknowledged, or says that it cannot.
    @Test(arguments: UInt64(1)...60)
    func `no change of a journal passes for the journal (N19)`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        for _ in 0..<20 {
            let count = Int.random(in: 1...8, using: &random)
            let (lines, heads) = journal(count)
            // The process may have ended before it signed the last line.
            let marked = Int.random(in: (count - 1)...count, using: &random)
            var bytes = lines.flatMap { $0 }
            let whole = bytes
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
            case 1:
                let start = Int.random(in: 0..<bytes.count, using: &random)
                bytes.removeSubrange(start..<Int.random(in: start...bytes.count, using: &random))
            case 2: bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            case 3: bytes = lines.shuffled(using: &random).flatMap { $0 }
            case _:
                let from = Int.random(in: 0..<lines.count, using: &random)
                bytes.insert(contentsOf: lines[from], at: Int.random(in: 0...bytes.count, using: &random))
            }
            do throws(JournalFault) {
                let reading = try JournalReading(bytes, key: key, mark: heads[marked], isNew: false)
                let kept = Array(bytes[..<reading.validByteCount])
                #expect(whole.starts(with: kept), "only what is no line at the end may go")
                #expect(reading.contents.count > marked, "what was signed is there")
            } catch {
                #expect(bytes != whole, "\(error)")
            }
        }
    }
}
