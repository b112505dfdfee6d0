/// Which stream sends next: small writes before bulk, and in turn within each.
struct SendQueues {
    /// A stream in a queue; one that ended meanwhile is skipped.
    struct Entry {
        var slot: Int
        var generation: UInt32
    }

    /// Bytes up to which a stream counts as a small write.
    static let smallWrite = 4096

    private var small = RingQueue<Entry>()
    private var bulk = RingQueue<Entry>()
    /// Streams that wait for credit of the session, or for the peer to allow more streams.
    private var blocked = RingQueue<Entry>()

    var isEmpty: Bool { small.isEmpty && bulk.isEmpty }

    mutating func append(_ entry: Entry, isSmall: Bool) {
        if isSmall { small.append(entry) } else { bulk.append(entry) }
    }

    mutating func popFirst() -> Entry? {
        small.popFirst() ?? bulk.popFirst()
    }

    /// Puts a stream aside; it may stand in a queue as well, for what needs no credit.
    mutating func block(_ entry: Entry) {
        blocked.append(entry)
    }

    /// The next of the streams that were put aside.
    mutating func popBlocked() -> Entry? { blocked.popFirst() }
}
