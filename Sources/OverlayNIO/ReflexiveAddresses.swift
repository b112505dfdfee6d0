import OverlayCore
import OverlayWire
import PosternModel

/// Where hubs see this node: its server-reflexive candidates (RFC 8445 §5.1.1.2), the latest first. Hubs that are gone
/// keep theirs, since mappings outlive them, until others take the place.
struct ReflexiveAddresses {
    private var seen: [(hub: NodeKey, candidate: Candidate)] = []

    /// The most that are kept, over all hubs and our own addresses.
    static let maximum = 4

    /// Each once.
    var candidates: [Candidate] {
        var endpoints: Set<Endpoint> = []
        return seen.map(\.candidate).filter { endpoints.insert($0.endpoint).inserted }
    }

    /// `hub` sees packets from `candidate.base` come from `candidate.endpoint`. Returns whether that is news.
    mutating func note(_ candidate: Candidate, by hub: NodeKey) -> Bool {
        let former = candidates
        seen.removeAll { $0.hub == hub && $0.candidate.base == candidate.base }
        seen.insert((hub, candidate), at: 0)
        if seen.count > Self.maximum { seen.removeLast() }
        return Set(candidates) != Set(former)
    }
}
