package import OverlayWire
package import PosternModel
package import TrustCore

/// What a sidecar allows and how long it waits.
package struct SidecarSettings: Hashable, Sendable {
    /// Requests of others that wait for a decision; those of strangers among them, and of these from one network. What
    /// finds no place waits at the hub.
    package var pendingCount = 100
    package var strangerCount = 50
    package var originCount = 5
    /// Contact cards.
    package var cardCount = 32
    /// Our own requests that wait for an answer.
    package var outgoingCount = 100
    /// Peers that are trusted.
    package var peerCount = 10_000
    /// Names that are bound to peers.
    package var nameCount = 20_000
    /// Peers that are shut out.
    package var blockCount = 10_000
    /// Invitations that can still be redeemed; of others, as many of the latest are answered with the reason.
    package var invitationCount = 100
    /// Messages that hubs have not taken yet.
    package var outboxCount = 1_000
    /// Messages that are on their way to one hub at a time: fewer than a hub takes from one node at once.
    package var outboxInFlight = 4
    /// Messages to one peer that hubs have not taken yet, beyond which no revocation is repeated to it.
    package var waitingMailCount = 8
    /// Hubs that are used at once: our own and those of peers.
    package var hubCount = 16
    /// The most zero bits of work that is done for a deposit, and how often one hub may ask for work.
    package var workSize = WorkChallenge.largestSize
    package var work = RateLimit(burst: 16, perMinute: 4)
    /// Hubs of one peer that are used at once.
    package var peerHubCount = 3
    /// How long a hub of somebody else has to answer before it is left alone, and how long at first and at most until
    /// it is tried again.
    package var foreignHubPatience = Interval.seconds(3)
    package var foreignHubRetry = Interval.seconds(30)
    package var foreignHubRetryMaximum = Interval.seconds(3_600)
    /// How long a request, and a message that a hub has not taken, is kept.
    package var requestLifetime = Interval.seconds(14 * 86_400)
    /// How far ahead of ours the clock of an asker may be.
    package var clockSkew = Interval.seconds(86_400)
    /// Time between two attempts to reach a hub: at first, and at most.
    package var hubRetry = Interval.seconds(1)
    package var hubRetryMaximum = Interval.seconds(30)
    /// Time until what a hub could not store is offered again.
    package var storeRetry = Interval.seconds(3)
    /// Time between two look-ups of the same peer at the same hub: at first, and at most.
    package var resolveInterval = Interval.seconds(2)
    package var resolveIntervalMaximum = Interval.seconds(60)
    /// How long after it was last wanted a peer is looked up again by itself.
    package var wantedLifetime = Interval.seconds(600)
    /// How recently a peer must have been met to be greeted after a restart.
    package var recentlyMet = Interval.seconds(3_600)
    /// How long `join` waits for the inviter before it says that it goes on alone.
    package var joinPatience = Interval.seconds(20)
    /// Time between two direct attempts to redeem an invitation.
    package var redeemInterval = Interval.seconds(5)
    /// How long what a peer said that it offers is used before the peer is asked again behind the scenes.
    package var offersFreshness = Interval.seconds(30)
    /// Time between two marks of our journal at one hub, and with one of the connected peers, of which as many get one
    /// between meetings.
    package var hubMarkInterval = Interval.seconds(10)
    package var peerMarkInterval = Interval.seconds(60)
    package var markedPeerCount = 16
    /// How long `trust recover` waits for hubs.
    package var recoveryPatience = Interval.seconds(10)
    /// Networks, joined or about to be.
    package var networkCount = 64
    /// How often work for a network's log is tried anew when others came first.
    package var networkAttempts = 3
    /// How long a command for a network waits for a hub, and time between two attempts to talk with one.
    package var networkPatience = Interval.seconds(15)
    package var networkRetry = Interval.seconds(2)
    /// How often a hub that has gone back is given again what it lacks of a network's log.
    package var networkRollbacks = RateLimit(burst: 8, perMinute: 2)
    /// Time between two words of an owner or administrator about a network that has not changed, and at least between
    /// two about one that has.
    package var beatInterval = Interval.seconds(3_600)
    package var beatPause = Interval.seconds(1)
    /// Bytes of entries in one answer to a fellow member.
    package var entriesSize = 24_576
    /// Time between two records of the same refusal, and how many refusals are kept apart.
    package var refusalInterval = Interval.seconds(60)
    package var refusalCount = 4_096
    /// Uses of one invitation and how long it may be open.
    package var invitationUses = 1_000
    package var invitationLifetime = Interval.seconds(365 * 86_400)

    package init() {}

    /// The values that the properties above state.
    package static let defaults = SidecarSettings()
}

/// Who the sidecar is and what it was told to do: the part of the configuration that matters here.
package struct SidecarProfile: Hashable, Sendable {
    /// How we introduce ourselves.
    package var name: String
    /// Our own hubs.
    package var hubs: [HubURL]
    /// What peers may reach.
    package var exposed: [ExposedRule]
    /// Whose requests for trust are accepted without the operator, the first that fits.
    package var accept: [AcceptanceRule]
    /// Direct addresses for invitations.
    package var advertised: [Endpoint]

    /// Those of them that a hub has seen us at.
    package var confirmed: [Endpoint]
    /// The networks to take part in, of those that were joined; nil: all.
    package var networks: Set<String>?
    /// The version of Postern, for peers; nil: they are not told.
    package var version: String?

    package init(
        name: String,
        hubs: [HubURL],
        exposed: [ExposedRule],
        accept: [AcceptanceRule] = [],
        advertised: [Endpoint] = [],
        confirmed: [Endpoint] = [],
        networks: Set<String>? = nil,
        version: String? = nil
    ) {
        self.version = version
        self.name = name
        self.hubs = hubs
        self.exposed = exposed
        self.accept = accept
        self.advertised = advertised
        self.confirmed = confirmed
        self.networks = networks
    }
}
