import TrustCore

/// How many mails of one class a mailbox holds, and how many of them from one source.
package struct MailboxShare: Hashable, Sendable {
    /// Mails of the class.
    package var count: Int
    /// Mails of the class from one sender or one network.
    package var countPerSource: Int

    package init(count: Int, countPerSource: Int) {
        self.count = count
        self.countPerSource = countPerSource
    }

    /// Which mail makes way when `new` comes to `waiting`, the mail of its class in the order of arrival: the one with
    /// the least work, the oldest of these, of the source that has the most. Nil when that is `new` itself.
    ///
    /// `source` tells the sources apart.
    func victims(
        of new: MailHeader,
        among waiting: [MailHeader],
        source: (MailStanding) -> UInt64
    ) -> [RecordID]? {
        let all = waiting + [new]
        let own = all.filter { source($0.standing) == source(new.standing) }
        var candidates: [MailHeader] = []
        if own.count > countPerSource {
            candidates = own
        } else if all.count > count {
            let bySource = Dictionary(grouping: all) { source($0.standing) }
            let most = bySource.values.map(\.count).max() ?? 0
            candidates = all.filter { bySource[source($0.standing)]?.count == most }
        }
        guard let least = candidates.map(\.standing.work).min() else { return [] }
        let victim = candidates.first { $0.standing.work == least }
        return victim?.id == new.id ? nil : victim.map { [$0.id] }
    }
}
