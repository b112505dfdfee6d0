package import PosternModel
package import TrustCore

/// A request that a rule of `trust.accept` accepted.
package struct RuleAcceptance: Hashable, Sendable {
    /// ``AcceptanceRule/name`` of the rule.
    package let rule: String
    /// What of ours the asker was given by it.
    package let services: ServiceSet
    package let time: Timestamp

    package init(rule: String, services: ServiceSet, time: Timestamp) {
        self.rule = rule
        self.services = services
        self.time = time
    }
}

extension RuleAcceptance {
    /// How the journal calls it.
    static let fact = "accepted"

    var document: JSONValue {
        ["fact": .string(Self.fact), "rule": .string(rule), "services": services.json, "at": .time(time)]
    }

    init(_ fields: JSONFields) throws(RecordError) {
        self.init(
            rule: try fields.text("rule", limit: 65_536),
            services: try fields.services(),
            time: try fields.time("at")
        )
    }
}

/// What rules have accepted in the last day. A clock that was set back forgets nothing.
struct RuleAcceptances: Sendable {
    private static let memory = Interval.seconds(86_400)
    private var all: [RuleAcceptance] = []

    mutating func add(_ acceptance: RuleAcceptance) {
        all.removeAll { $0.time + Self.memory <= acceptance.time }
        all.append(acceptance)
    }

    /// Those that still count at `time`.
    func recent(at time: Timestamp) -> [RuleAcceptance] { all.filter { time < $0.time + Self.memory } }

    /// Whether `rule` may accept a request for each of `services` once more at `time`.
    func haveRoom(in rule: AcceptanceRule, for services: Set<ServiceName>, at time: Timestamp) -> Bool {
        let own = recent(at: time).filter { $0.rule == rule.name }
        return services.allSatisfy { service in own.count { $0.services.contains(service) } < rule.perDay }
    }
}
