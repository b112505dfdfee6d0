import PosternModel
import TrustCore

// Requests that are accepted without anybody being asked, by rules of the configuration (DESIGN §8, S3). A rule looks
// at who asks, by key, and at which services; nothing that the asker writes plays a part.
extension Sidecar {
    /// Accepts `request` if a rule says so and has not accepted too many today; nothing when it is for the operator.
    mutating func acceptByRule(_ request: TrustRequest, at now: Clocks) -> [SidecarAction] {
        let peer = request.asker
        // Whom the operator has sent away comes back by a decision of the operator only.
        guard !profile.accept.isEmpty, book.ownRevocation(of: peer) == nil else { return [] }
        let subject = subject(peer, at: now)
        for rule in profile.accept where rule.from.contains(where: { $0.means(subject) }) {
            guard let services = rule.services(for: request.services),
                book.acceptances.haveRoom(in: rule, for: services, at: now.wall)
            else { continue }
            let given = ServiceSet.names(services)
            let all = givenServices(to: peer, at: now).union(given)
            guard let actions = try? accept(request, services: all, at: now) else { return [] }
            let acceptance = RuleAcceptance(rule: rule.name, services: given, time: now.wall)
            return [record([.acceptedByRule(acceptance)])] + actions.recorded(via: "rule from " + rule.name)
        }
        return []
    }
}

extension AcceptanceRule {
    /// What somebody gets by it who asks for `wanted`: all that it has when everything is asked for; nil: something is
    /// asked for that it does not give.
    fileprivate func services(for wanted: ServiceSet) -> Set<ServiceName>? {
        switch wanted {
        case .all: services
        case .names(let names): !names.isEmpty && names.isSubset(of: services) ? names : nil
        }
    }

    /// What the audit trail says of it.
    var auditDocument: JSONValue {
        [
            "from": .texts(from), "services": .texts(services.sorted()), "perDay": .integer(Int64(perDay)),
        ]
    }
}

extension AcceptanceRule.Asker {
    /// Whether `subject` is meant.
    fileprivate func means(_ subject: AccessPolicy.Subject) -> Bool {
        switch self {
        case .anyone: true
        case .known(let rule): AccessPolicy.means(rule, subject)
        }
    }
}
