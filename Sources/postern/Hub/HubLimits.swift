import HubServer
import OverlayCore
import PosternConfiguration

// What the hub's file says about limits, as its parts understand it.
extension HubService.Settings {
    /// The defaults, but for what `limits` names.
    init(limits: HubLimitsConfiguration) {
        self.init(
            nodes: limits.nodes,
            newNodesPerHour: limits.newNodesPerHour,
            strangerMailPerHour: limits.strangerMailPerHour,
            strangerMailMiB: limits.strangerMailMiB
        )
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
