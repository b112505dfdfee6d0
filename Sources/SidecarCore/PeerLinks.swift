import OverlayCrypto
import OverlayWire
import PosternModel
import TrustCore

/// What the sidecar knows of peers without having to: sessions, relays, addresses learned, last meetings.
struct PeerLinks: Sendable {
    /// One peer.
    struct Link: Sendable {
        /// The secret with which the overlay admitted it; nil: it is not admitted.
        var admittedSecret: PreSharedKey?
        var isConnected = false
        /// The conversation at each hub that relays for it.
        var relays: [NodeKey: RelayChannel] = [:]
        /// When somebody last needed it.
        var wanted: Instant?
        /// When each hub was last asked for it, and how long to wait before it is asked again.
        var asked: [NodeKey: Asked] = [:]
        /// Hubs that said that it is away, and will tell when it comes.
        var awaitedAt: Set<NodeKey> = []
        /// Where a hub says that it is at home.
        var homes: [HubURL] = []
        var candidates: [Endpoint] = []
        var lastMet: Timestamp?
        var offers: Sidecar.Offers?
        /// The version of Postern that it has last said to be.
        var version: String?
        /// Its mark, which we hold for it.
        var mark: StateMark?
        /// The number of our mark there, as far as we know, and when the next one may follow.
        var marked: Int64 = 0
        var nextMark: Instant?
        /// The question for its offers that is under way.
        var offersRequest: SidecarRequestID?

        /// Whether it says nothing but perhaps that the peer is admitted.
        fileprivate var isBlank: Bool {
            !isConnected && relays.isEmpty && wanted == nil && asked.isEmpty && awaitedAt.isEmpty && homes.isEmpty
                && candidates.isEmpty && lastMet == nil && offers == nil && version == nil && mark == nil && marked == 0
                && nextMark == nil && offersRequest == nil
        }
    }

    /// A look-up at a hub.
    struct Asked: Sendable {
        var time: Instant
        var patience: Interval

        /// When the next one may follow.
        var next: Instant { time + patience }
    }

    /// Those of which something else is known than that they are admitted, without their secrets: of most fellow
    /// members nothing is.
    private(set) var links: [NodeKey: Link] = [:]
    /// The secrets of those that are admitted.
    private var secrets: [NodeKey: PreSharedKey] = [:]

    subscript(_ key: NodeKey) -> Link {
        get {
            var link = links[key] ?? Link()
            link.admittedSecret = secrets[key]
            return link
        }
        set {
            secrets[key] = newValue.admittedSecret
            var link = newValue
            link.admittedSecret = nil
            links[key] = link.isBlank ? nil : link
        }
    }

    /// Whether the overlay has admitted `key`.
    func isAdmitted(_ key: NodeKey) -> Bool { secrets[key] != nil }

    /// The peers that the overlay has admitted.
    var admitted: Set<NodeKey> { Set(secrets.keys) }

    /// Peers met at `time` or later, the latest first.
    func met(since time: Timestamp) -> [NodeKey] {
        links.compactMap { key, link in link.lastMet.map { (key, $0) } }.filter { $0.1 >= time }
            .sorted { $0.1 > $1.1 }.map(\.0)
    }

    /// The cache's form: `{"did": {"candidates": […], "met": TIME, "offers": […]|null, "mark": {…}|null}}`.
    var document: JSONValue {
        var object = JSONObject()
        for (key, link) in links
        where link.lastMet != nil || !link.candidates.isEmpty || link.offers != nil
            || link.mark != nil
        {
            object[key.did] = [
                "candidates": .texts(link.candidates), "met": .time(link.lastMet),
                "offers": link.offers.map { JSONValue(encoding: $0.services) } ?? .null,
                "mark": link.mark?.document ?? .null,
            ]
        }
        return .object(object)
    }

    /// Takes what the cache says; what cannot be read is left out, for nothing depends on it.
    mutating func remember(_ document: JSONValue) {
        for member in document.object?.members ?? [] {
            guard let key = NodeKey(did: member.key), let fields = try? JSONFields(member.value) else { continue }
            links[key, default: Link()].candidates = (try? fields.endpoints()) ?? []
            let offers = fields.optionalValue("offers")?.array?.compactMap { try? Service(decoding: $0) }
            links[key, default: Link()].offers = offers.map { Sidecar.Offers(services: $0, time: nil) }
            let mark = fields.optionalValue("mark").flatMap { try? StateMark(verifying: $0) }
            links[key, default: Link()].mark = mark?.node == key ? mark : nil
            links[key, default: Link()].lastMet = (try? fields.optionalTime("met")).flatMap(\.self)
        }
    }
}
