import OverlayWire

/// Which stream sends next: small writes before bulk, and in turn within each. Bulk that waits gets at least a ninth of
/// what is sent all the same.
struct SendQueues {
    /// A stream in a queue; one that ended meanwhile is skipped.
    struct Entry {
        var slot: UInt32
        var generation: UInt32
    }

    /// Bytes up to which a stream counts as a small write.
    static let smallWrite = 4096
    /// Bytes of small writes that go before one byte of bulk that waits.
    private static let precedence = 8
    /// Bytes by which small writes may be ahead: what fills eight packets of the size that a path begins with.
    private static let largestLead = precedence * (PacketLayout.basePathSize - PacketLayout.Protected.overhead)

    private var small = RingQueue<Entry>()
    private var bulk = RingQueue<Entry>()
    /// Streams that wait for credit of the session, or for the peer to allow more streams.
    private var blocked = RingQueue<Entry>()
    /// Bytes of small writes that went before bulk that waited, less what bulk has got for them.
    private var lead = 0

    var isEmpty: Bool { small.isEmpty && bulk.isEmpty }

    mutating func append(_ entry: Entry, isSmall: Bool) {
        if isSmall { small.append(entry) } else { bulk.append(entry) }
    }

    /// The next stream, and whether it stood among the small writes.
    mutating func popFirst() -> (entry: Entry, isSmall: Bool)? {
        if lead >= Self.largestLead, let entry = bulk.popFirst() { return (entry, false) }
        if let entry = small.popFirst() { return (entry, true) }
        return bulk.popFirst().map { ($0, false) }
    }

    /// A stream that ``popFirst()`` gave has sent `byteCount` bytes.
    mutating func sent(_ byteCount: Int, isSmall: Bool) {
        if !isSmall {
            lead = max(0, lead - byteCount * Self.precedence)
        } else if !bulk.isEmpty {
            lead += byteCount
        }
    }

    /// Puts a stream aside; it may stand in a queue as well, for what needs no credit.
    mutating func block(_ entry: Entry) {
        blocked.append(entry)
    }

    /// The next of the streams that were put aside.
    mutating func popBlocked() -> Entry? { blocked.popFirst() }
}
