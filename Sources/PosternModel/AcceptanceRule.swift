/// A rule by which requests for trust are accepted without anybody being asked (INTERFACE `trust.accept`).
package struct AcceptanceRule: Hashable, Sendable {
    /// Who is accepted, by their key alone: never empty.
    package let from: [Asker]
    /// What they get of ours at most: never empty.
    package let services: Set<ServiceName>
    /// How many requests it accepts in 24 hours for each of the services.
    package let perDay: Int

    package init(from: [Asker], services: Set<ServiceName>, perDay: Int) {
        self.from = from
        self.services = services
        self.perDay = perDay
    }

    /// One entry of `from`.
    package enum Asker: Hashable, Sendable {
        /// Whoever asks.
        case anyone
        /// Who is meant in an `allow` list by this.
        case known(AllowRule)

        /// The asker that is written as `text`, or nil when it is none.
        package init?(_ text: some StringProtocol) {
            if text == "anyone" {
                self = .anyone
            } else {
                guard let rule = AllowRule(text) else { return nil }
                self = .known(rule)
            }
        }
    }

    /// Who is accepted, as a text that stays the same when only the ceiling or the services are changed.
    package var name: String { from.map(\.description).sorted().joined(separator: ", ") }
}

extension AcceptanceRule.Asker: CustomStringConvertible {
    package var description: String {
        switch self {
        case .anyone: "anyone"
        case .known(let rule): rule.description
        }
    }
}
