import PosternModel

/// Packets that were declared lost, kept for a while in case they arrive after all: then nothing of them has to be sent
/// again, and the reduction that their loss caused is undone.
struct LostPackets {
    /// More are not kept; the oldest go.
    static let maximum = 512

    /// A packet that was declared lost.
    struct Entry {
        var number: UInt64
        var packet: SentPacket
        var declaredAt: Instant
        /// Where its frames begin, and how many there are.
        fileprivate var firstFrame: Int
        fileprivate var frameCount: Int
        fileprivate var isOpen = true
    }

    /// In the order of their numbers, since packets are declared lost in that order.
    private var entries = RingQueue<Entry>()
    private var frames = RingQueue<SentFrame>()
    private var firstFrame = 0
    /// Entries that were looked at, ever.
    private(set) var visits = 0

    var count: Int { entries.count }

    /// Keeps a packet that was declared lost; `packets` still has its frames.
    mutating func add(_ number: UInt64, _ packet: SentPacket, of packets: borrowing SentPackets, at now: Instant) {
        let start = firstFrame + frames.count
        packets.forEachFrame(of: packet) { frames.append($0) }
        entries.append(
            Entry(
                number: number,
                packet: packet,
                declaredAt: now,
                firstFrame: start,
                frameCount: firstFrame + frames.count - start
            )
        )
        if entries.count > Self.maximum { dropFirst() }
    }

    /// Takes those in `range` that arrive now for the first time; `body` gets each.
    mutating func takeSpurious(_ range: ClosedRange<UInt64>, _ body: (borrowing LostPackets, Entry) -> Void) {
        guard let first = entries.first, range.upperBound >= first.number else { return }
        var position = lowerBound(of: range.lowerBound)
        while position < entries.count {
            visits += 1
            let entry = entries[position]
            guard entry.number <= range.upperBound else { break }
            if entry.isOpen {
                entries[position].isOpen = false
                body(self, entry)
            }
            position += 1
        }
    }

    /// Calls `body` with each frame of an entry.
    func forEachFrame(of entry: Entry, _ body: (SentFrame) -> Void) {
        let start = entry.firstFrame - firstFrame
        for position in start..<start + entry.frameCount { body(frames[position]) }
    }

    /// The position of the first entry whose number is not below `number`.
    private mutating func lowerBound(of number: UInt64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            visits += 1
            let middle = (low + high) / 2
            if entries[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Forgets what was declared lost before `instant`.
    mutating func forget(before instant: Instant) {
        while let entry = entries.first, entry.declaredAt < instant { dropFirst() }
    }

    private mutating func dropFirst() {
        guard let entry = entries.popFirst() else { return }
        for _ in 0..<entry.frameCount { _ = frames.popFirst() }
        firstFrame += entry.frameCount
    }
}
