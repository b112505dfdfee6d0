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
        if let problem = network.problem, !network.forked { lines.append("STALE: \(problem)") }
        if let heard = network.heard { lines.append("last heard of an owner or administrator: \(heard)") }
        lines.append("hubs: \(Shown.list(network.hubs))")
        if network.policy != .null { lines.append("policy: \(network.policy.compactText)") }
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

extension NetworkSummary {
    /// How far it can be relied on, in one word.
    var state: String {
        offeredBy != nil ? "join: postern network join \(name)" : forked ? "forked" : fresh ? "fresh" : "stale"
    }
}
