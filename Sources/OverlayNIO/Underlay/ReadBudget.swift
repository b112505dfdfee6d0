/// How many reads of a socket follow each other before the loop serves others.
///
/// A read that finds nothing costs a system call, and small calls come one by one: then one read is enough, and the
/// kernel tells soon if there is more. Where packets do queue, reading on spares the way through the loop.
struct ReadBudget {
    /// Reads that are allowed now.
    private(set) var limit: UInt = 1
    /// The most that are ever allowed.
    let maximum: UInt
    /// Single reads in a row since the last try for more.
    private var singleReads = 0

    /// Every so many single reads, a second one looks whether packets queue.
    static let trialInterval = 16

    /// Begins with single reads.
    init(maximum: UInt) {
        self.maximum = max(maximum, 1)
    }

    /// Takes note that `count` reads brought something, before the limit or an empty read ended them. Returns whether
    /// ``limit`` is another now.
    mutating func note(_ count: UInt) -> Bool {
        let former = limit
        if count < limit {
            limit = max(count, 1)
        } else if limit > 1 || singleReads >= Self.trialInterval {
            limit = min(limit * 2, maximum)
        }
        singleReads = limit == 1 && former == 1 ? singleReads + 1 : 0
        return limit != former
    }
}
