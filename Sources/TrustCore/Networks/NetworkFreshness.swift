package import PosternModel

/// How old the latest word of an owner or administrator may be (RULES N5): a hub that hides a removal keeps the removed
/// member alive, and this is how long.
///
/// `{"warn": MILLISECONDS, "refuse": MILLISECONDS|null}`
package struct NetworkFreshness: Hashable, Sendable {
    /// Without a word younger than this the network counts as stale.
    package let warn: Interval
    /// Without a word younger than this a membership admits no new stream; nil: it always does.
    package let refuse: Interval?

    /// A day, and never.
    package static let defaults = NetworkFreshness(warn: .seconds(86_400), refuse: nil)

    private init(warn: Interval, refuse: Interval?) {
        self.warn = warn
        self.refuse = refuse
    }

    /// The freshness in `document`; throws what is wrong with it.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        for name in ["warn", "refuse"] where fields.has(name) {
            guard NetworkLimits.freshness.contains(try fields.integer(name)) else { throw .invalid(name) }
        }
        warn = fields.has("warn") ? .milliseconds(try fields.integer("warn")) : Self.defaults.warn
        refuse = fields.has("refuse") ? .milliseconds(try fields.integer("refuse")) : nil
    }

    /// The document.
    package var document: JSONValue {
        [
            "warn": .integer(warn.nanoseconds / 1_000_000),
            "refuse": refuse.map { .integer($0.nanoseconds / 1_000_000) } ?? .null,
        ]
    }

    /// What satisfies both.
    func stricter(than other: NetworkFreshness) -> NetworkFreshness {
        NetworkFreshness(
            warn: min(warn, other.warn),
            refuse: [refuse, other.refuse].compactMap(\.self).min()
        )
    }
}
