import OverlayCrypto
import PosternModel
import SidecarCore
import TrustCore

// What is looked at now and then, and at the end.
extension SystemWorld {
    /// How long a command may take, and how long one end of a stream may outlive the other.
    private static let commandPatience = Interval.seconds(60)
    private static let streamPatience = Interval.seconds(45)

    /// Looks at what must not last.
    mutating func inspect() {
        for (id, record) in commands where now - record.issued > Self.commandPatience {
            violate(.answers, "command \(id.rawValue) of s\(record.sidecar) has no answer")
        }
        for stream in streams where stream.isHalfOpen(since: now - Self.streamPatience) {
            violate(.cut, "a stream from s\(stream.client) to s\(stream.server) is over at one end only")
        }
        inspectGateways()
        inspectFreshness()
        schedule(.inspect, in: .seconds(5))
    }

    /// Looks at a system that has been whole and quiet for long enough.
    mutating func inspectEnd() {
        guard report.violation == nil else { return }
        for number in sidecars.indices {
            // Mail that a lying hub has thrown away nobody sends again.
            for other in sidecars.indices where other > number && plan.scenario != .deceit {
                inspectTrust(number, other)
            }
            inspectCompaction(number)
            inspectAudit(number)
        }
        for hub in hubs {
            guard (try? AuditChain.verify(hub.audit.text)) != nil else {
                return violate(.audit, "the trail of \(hub.id) does not verify")
            }
        }
    }

    private func isTrusted(_ number: Int, _ other: Int) -> Bool {
        let clocks = sidecars[number].clocks(at: now)
        return sidecars[number].life?.sidecar.isTrusted(sidecars[other].key, at: clocks) ?? false
    }

    private mutating func inspectTrust(_ number: Int, _ other: Int) {
        // What was decided since an old copy was made is not known to one of them.
        guard rollbacks[number] == nil, rollbacks[other] == nil else { return }
        let (here, there) = (isTrusted(number, other), isTrusted(other, number))
        guard here == there else {
            let (one, two) = here ? (number, other) : (other, number)
            return violate(.convergence, "s\(one) trusts s\(two), which does not trust it")
        }
        guard here else { return }
        let secret = sidecars[number].life?.admitted[sidecars[other].key]?.secret
        guard let secret, secret == sidecars[other].life?.admitted[sidecars[number].key]?.secret else {
            return violate(.convergence, "s\(number) and s\(other) trust each other and cannot meet: other secrets")
        }
    }

    /// A compacted journal says the same as the whole one.
    private mutating func inspectCompaction(_ number: Int) {
        let wall = sidecars[number].clocks(at: now).wall
        guard let sidecar = sidecars[number].life?.sidecar else { return }
        let again = Sidecar(
            identity: sidecars[number].identity,
            profile: sidecars[number].profile,
            facts: sidecar.compactedFacts(at: wall),
            random: RandomSource(seed: Array(repeating: 0, count: 32))
        )
        let whole = sidecar.trustList(at: wall, seeing: SilentView())
        guard again.trustList(at: wall, seeing: SilentView()) != whole else { return }
        violate(.durability, "the compacted journal of s\(number) says something else than the whole one")
    }

    private mutating func inspectAudit(_ number: Int) {
        let text = sidecars[number].audit.text
        guard (try? AuditChain.verify(text)) != nil else {
            return violate(.audit, "the trail of s\(number) does not verify")
        }
        let did: JSONValue = .string(sidecars[number].key.did)
        var recorded: [String: Int64] = [:]
        for line in text.split(separator: UInt8(ascii: "\n")) {
            guard let entry = try? JSONValue(parsing: Array(line)), entry["actor"] == did,
                let action = entry["action"]?.string, let subject = entry["subject"]?.string,
                let sequence = entry["sequence"]?.integer
            else { continue }
            recorded[action + subject] = min(recorded[action + subject] ?? .max, sequence)
        }
        for change in acknowledged where change.sidecar == number {
            guard recorded[change.action.rawValue + change.subject] ?? .max > change.sequence else { continue }
            violate(.audit, "the trail of s\(number) lacks an acknowledged change: \(change.action.rawValue)")
        }
    }

    /// Calls every service of every peer: what is trusted is reached, and answers.
    mutating func probe() {
        guard plan.scenario != .deceit else { return }
        for client in sidecars.indices {
            for server in sidecars.indices
            where server != client && rollbacks[client] == nil && rollbacks[server] == nil && isTrusted(client, server)
            {
                for service in Self.services.indices {
                    let patience = now + .seconds(45)
                    let call = ServiceCall(
                        client: client,
                        server: server,
                        service: service,
                        patience: patience,
                        isProbe: true
                    )
                    schedule(.call(call), in: .milliseconds(1))
                }
            }
        }
    }

    /// Looks at what the end of the run must have answered.
    mutating func inspectCommands() {
        guard report.violation == nil else { return }
        if let (id, record) = commands.min(by: { $0.key.rawValue < $1.key.rawValue }) {
            violate(.answers, "command \(id.rawValue) of s\(record.sidecar) has no answer")
        }
        for stream in streams where stream.isProbe && (stream.atServer == .waiting || stream.atClient == .waiting) {
            violate(.convergence, "a call from s\(stream.client) to s\(stream.server) has no answer")
        }
    }
}
