import PosternModel
import SidecarCore

extension Shown {
    /// A network and its members.
    static func network(_ network: NetworkDocument) -> String {
        var lines = ["\(network.name) (\(network.id))", "our role: \(network.role ?? "no member")"]
        if let head = network.head { lines.append("entry \(network.sequence ?? 0), \(head)") }
        if network.forked {
            lines.append("FORKED: two histories are known, and only what both say counts; an owner ends that:")
            lines.append("postern network heal \(network.name)")
        }
        if let problem = network.problem, !network.forked {
            lines.append(network.role == nil ? problem : "STALE: \(problem)")
        }
        if let heard = network.heard { lines.append("last heard of an owner or administrator: \(heard)") }
        lines.append("hubs: \(Shown.list(network.hubs))")
        if network.policy != .null { lines.append("policy: \(network.policy.compactText)") }
        lines.append(network.freshnessText)
        var table = TextTable(["MEMBER", "ROLE", "GROUPS", "ENDS", "ADDRESSES", "DID"])
        for member in network.members {
            table.add([
                member.name ?? (member.authority == nil ? "" : "(certificate)"), member.role,
                member.groups.joined(separator: ","),
                member.expires.map(\.description) ?? "", Shown.list(member.addresses), member.did.did,
            ])
        }
        return lines.joined(separator: "\n") + (table.hasRows ? "\n" + table.text : "")
    }
}

extension NetworkDocument {
    /// How old the word of owners and administrators may be, as `network policy --set` takes it.
    private var freshnessFields: (warn: String, refuse: String) {
        func text(_ name: String) -> String { freshness[name]?.integer.map(Self.duration) ?? "never" }
        return (text("warn"), text("refuse"))
    }

    /// The same in words.
    var freshnessText: String {
        let (warn, refuse) = freshnessFields
        return "freshness: stale when no owner or admin was heard of for \(warn), "
            + (refuse == "never" ? "never refused for that" : "refused after \(refuse)")
    }

    /// All that `network policy --set` replaces, as it takes it.
    var policyInForce: JSONValue {
        var object = policy.object ?? JSONObject()
        let (warn, refuse) = freshnessFields
        object["freshness"] = ["warn": .string(warn), "refuse": .string(refuse)]
        return .object(object)
    }

    /// The policy, and what may be a slip in it.
    var policyText: String {
        let text =
            policy == .null
            ? "\(name) has no policy: `allow` alone decides; \(freshnessText)" : policyInForce.compactText
        let groups = emptyGroups.joined(separator: ", ")
        return groups.isEmpty ? text : text + "\nthe policy names groups that have no member: \(groups)"
    }

    /// The groups that the policy names and in which nobody is.
    private var emptyGroups: [String] {
        let named = policy["services"]?.object?.keys.filter { $0 != "*" } ?? []
        let filled = Set(members.flatMap(\.groups)).union(authorities.flatMap(\.groups))
        return named.filter { !filled.contains($0) }.sorted()
    }

    private static func duration(_ milliseconds: Int64) -> String {
        let units: [(String, Int64)] = [("h", 3_600_000), ("m", 60_000)]
        for (unit, length) in units where milliseconds % length == 0 { return "\(milliseconds / length)\(unit)" }
        return "\(milliseconds / 1_000)s"
    }
}

extension NetworkSummary {
    /// How far it can be relied on, or why we are no member.
    var state: String {
        if offeredBy != nil { return "join: postern network join \(name)" }
        if role == nil { return problem ?? "" }
        return forked ? "forked" : fresh ? "fresh" : "stale"
    }
}
