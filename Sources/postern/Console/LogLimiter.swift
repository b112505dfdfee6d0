import Logging

/// Lets lines of one kind about one subject through only a few times a minute, and counts the others.
struct LogLimiter {
    /// What makes lines alike: what they say, and about whom.
    struct Kind: Hashable {
        let level: Logger.Level
        let message: String
        /// The part of the metadata that names somebody or something.
        let subject: [String: String]

        /// The kind of a line. Of what is only for debugging every line is wanted: nil.
        init?(level: Logger.Level, message: String, metadata: Logger.Metadata) {
            guard level >= .info else { return nil }
            self.level = level
            self.message = message
            subject = metadata.filter { Self.subjects.contains($0.key) }.mapValues(\.description)
        }

        private static let subjects: Set = ["peer", "service", "listen", "hub", "network", "reason", "mistake"]
    }

    private struct Count {
        let since: ContinuousClock.Instant
        var written = 0
        var dropped = 0
    }

    /// Lines of one kind in a minute.
    private static let limit = 5
    private static let minute = Duration.seconds(60)
    /// Kinds that are told apart. Lines of further kinds pass until a minute is over.
    private static let kindLimit = 1024

    private var counts: [Kind: Count] = [:]

    /// Whether a line of `kind` is written at `now`.
    mutating func admit(_ kind: Kind, at now: ContinuousClock.Instant) -> Bool {
        guard counts[kind] != nil || counts.count < Self.kindLimit else { return true }
        var count = counts[kind] ?? Count(since: now)
        defer { counts[kind] = count }
        guard count.written < Self.limit else {
            count.dropped += 1
            return false
        }
        count.written += 1
        return true
    }

    /// The kinds whose minute is over at `now` and of which lines were dropped, and how many.
    mutating func finish(at now: ContinuousClock.Instant) -> [(kind: Kind, dropped: Int)] {
        let over = counts.filter { now - $0.value.since >= Self.minute }
        for kind in over.keys { counts[kind] = nil }
        return over.filter { $0.value.dropped > 0 }.map { (kind: $0.key, dropped: $0.value.dropped) }
    }
}
