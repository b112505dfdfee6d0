import OverlayCrypto
import SidecarCore
import TrustCore

/// A node's journal on a simulated disk, with the node's signature over its end, as the shell keeps both.
struct SimulatedJournal {
    private var file = SimulatedFile()
    private var chain: JournalChain
    /// The ends that the chain had before, as far as the file tells.
    private(set) var past: [ChainHead] = []
    private var isBegun = false
    /// The bytes that are acknowledged.
    private var size = 0
    /// The end that was signed last, and the one before it.
    private var mark: ChainHead?
    private var formerMark: ChainHead?
    private let key: ChainKey

    init(of identity: NodeIdentity) {
        key = ChainKey(of: identity, for: .journal)
        chain = JournalChain(key: key)
    }

    /// The end of the journal.
    var head: ChainHead { chain.head }

    /// Opens it after a start: cuts off a half-written line, verifies the others and returns the facts in them.
    mutating func open() throws(JournalFault) -> [TrustFact] {
        let reading = try JournalReading(file.content, key: key, mark: mark, isNew: !isBegun)
        let facts = try TrustJournal.facts(in: reading.contents, areSealed: reading.isBegun)
        file.truncate(to: reading.validByteCount)
        size = reading.validByteCount
        chain = JournalChain(after: reading.head, key: key)
        past = reading.past
        if !reading.isBegun { write(chain.append(JournalChain.opening, isBase: true)) }
        isBegun = true
        sign()
        return facts
    }

    /// Makes `facts` durable, unless the disk fails.
    mutating func append(_ facts: [TrustFact], isDiskFailing: Bool) {
        var next = chain
        let line = next.append(TrustJournal.content(facts), minimum: TrustJournal.minimum(for: facts))
        guard !isDiskFailing else { return file.write(line, at: size) }
        past.append(chain.head)
        write(line)
        chain = next
        sign()
    }

    /// Puts a base with `facts` in the place of everything.
    mutating func compact(to facts: [TrustFact]) {
        past.append(chain.head)
        file.replace(with: chain.append(TrustJournal.content(facts), isBase: true))
        size = file.content.count
        sign()
    }

    /// Leaves what survives `crash`, which came while `facts` were being written, or between the last line and the
    /// signature over it.
    mutating func survive(_ crash: SimulatedFile.Crash, writing facts: [TrustFact]?, _ random: inout SeededRandom) {
        if let facts {
            var next = chain
            let line = next.append(TrustJournal.content(facts))
            file.write(Array(line.prefix(random.number(in: 0...line.count))), at: size)
        }
        file.survive(crash, &random)
        if random.happens(0.3) { mark = formerMark ?? mark }
    }

    private mutating func write(_ line: [UInt8]) {
        file.write(line, at: size)
        file.synchronize()
        size += line.count
    }

    private mutating func sign() {
        guard mark != chain.head else { return }
        (formerMark, mark) = (mark, chain.head)
    }
}
