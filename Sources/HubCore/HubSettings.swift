package import PosternModel
package import TrustCore

/// What a hub allows at most.
package struct HubSettings: Hashable, Sendable {
    /// Requests of one node. More are answered `over-limit`.
    package var requests = RateLimit(burst: 240, perMinute: 1_200)
    /// Mail that one node deposits, whoever it is for. More is answered `over-limit`.
    package var deposits = RateLimit(burst: 20, perMinute: 20)
    /// Mail that waits for one node. Further mail is dropped silently.
    package var mailboxCount = 100
    /// Mail that waits altogether. Further mail is dropped silently.
    package var mailCount = 100_000
    /// How long mail waits.
    package var mailLifetime = Interval.seconds(14 * 86_400)
    /// Registered nodes. Further nodes are answered `full`.
    package var nodeCount = 1_000_000
    /// Revocations kept for one giver. Beyond it the oldest is dropped; the giver itself refuses such grants in any
    /// case.
    package var revocationCount = 10_000
    /// Relay channels of one node.
    package var channelCount = 1_024
    /// Bridges altogether.
    package var bridgeCount = 100_000
    /// Absent peers that one node waits for.
    package var awaitedCount = 256
    /// Nodes whose rates are remembered; beyond it those that are within their rates are forgotten.
    package var rateCount = 200_000
    /// UTF-8 bytes of one request.
    package var requestSize = 32_768

    package init() {}

    /// The values that the properties above state.
    package static let defaults = HubSettings()
}
