import HubServer
import NIOCore
import OverlayCore
import OverlayNIO
import PosternConfiguration
import PosternModel

// What the hub's file says about limits, as its parts understand it.
extension HubService.Settings {
    /// The defaults, but for what `limits` names.
    init(limits: HubLimitsConfiguration) {
        let quotas: [HubQuota: Int?] = [
            .nodes: limits.nodes, .newNodesPerHour: limits.newNodesPerHour,
            .strangerMailPerHour: limits.strangerMailPerHour, .strangerMailMiB: limits.strangerMailMiB,
            .requestsPerMinute: limits.requestsPerMinute, .sourceRequestsPerMinute: limits.sourceRequestsPerMinute,
            .entriesPerMinute: limits.entriesPerMinute, .questionsPerMinute: limits.questionsPerMinute,
        ]
        self.init(quotas: quotas.compactMapValues(\.self))
    }
}

extension NodeSettings {
    /// Takes over the rates of relayed bytes.
    mutating func limitRelays(by limits: HubLimitsConfiguration) {
        let bytesPerMegabit: UInt64 = 125_000
        if let rate = limits.relayMbitPerPair { relayRate = UInt64(rate) * bytesPerMegabit }
        if let rate = limits.relayMbitPerNode { relayRatePerPeer = UInt64(rate) * bytesPerMegabit }
    }
}

extension HubProgram.Parts {
    /// The quotas that hold.
    var quotas: JSONValue {
        var document = JSONObject()
        for quota in HubQuota.allCases { document[quota.rawValue] = .integer(Int64(service.limits[quota])) }
        return .object(document)
    }

    /// Changes the quota that `parameters` name, until the next start.
    func limit(_ parameters: JSONValue) -> EventLoopFuture<JSONValue> {
        let loop = node.eventLoop
        let names = HubQuota.allCases.map(\.rawValue)
        let name = parameters["name"]?.string ?? ""
        guard let quota = HubQuota(rawValue: name) else {
            let near = Suggestion.nearest(to: name, among: names).map { "did you mean \($0)? " } ?? ""
            let hint = near + "there are \(names.joined(separator: ", ")); what is relayed is limited in hub.yaml"
            let message = "there is no quota \"\(PlainText.clean(name, limit: 80))\""
            return loop.makeFailedFuture(Problem(code: "bad-arguments", message: message, hint: hint))
        }
        guard let value = parameters["value"]?.integer.flatMap({ Int(exactly: $0) }), quota.range.contains(value) else {
            return loop.makeFailedFuture(
                Problem(
                    code: "bad-arguments",
                    message: "that cannot be \(name)",
                    hint: "give a whole number from \(quota.range.lowerBound) to \(quota.range.upperBound)"
                )
            )
        }
        var limits = service.limits
        limits[quota] = value
        service.limit(by: limits)
        return loop.makeSucceededFuture(quotas)
    }
}
