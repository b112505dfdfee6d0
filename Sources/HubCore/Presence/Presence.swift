import PosternModel
import TrustCore

/// Who is present at a hub: in memory only, and never written anywhere.
struct Presence: Sendable {
    /// Nodes whose event stream is open.
    var watchers: Set<NodeKey> = []
    /// Whose sessions are whose, where nodes have changed their keys.
    var names = SessionNames()
    /// Who waits for whom.
    var awaited = AwaitedPeers()
    /// What strangers' mail took of its pool at the last deposit.
    var strangerCost = 0
    /// The newest word of each owner and administrator. Members bring it again after a restart.
    private var beats: [NetworkID: [NodeKey: NetworkBeat]] = [:]

    /// The credentials of which members were told.
    private var toldCredentials: [NetworkID: [NodeKey: NetworkCredential]] = [:]

    /// Those of `credentials` of which nobody was told: they are all of a network that count, or nothing is to be told.
    mutating func note(_ credentials: [NetworkCredential], of network: NetworkID) -> [NetworkCredential] {
        guard !credentials.isEmpty else { return [] }
        let told = toldCredentials[network] ?? [:]
        toldCredentials[network] = Dictionary(credentials.map { ($0.subject, $0) }) { first, _ in first }
        return credentials.filter { told[$0.subject] != $0 }
    }

    /// What is kept of a network, in a stable order.
    func beats(of network: NetworkID) -> [NetworkBeat] {
        (beats[network] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }

    /// What is kept of `signer`.
    func beat(of signer: NodeKey, in network: NetworkID) -> NetworkBeat? { beats[network]?[signer] }

    /// Keeps a word in the place of the signer's former one; beyond the bound of one network the oldest goes, and
    /// beyond `limit` networks nothing new is kept.
    mutating func keep(_ beat: NetworkBeat, limit: Int) {
        guard beats[beat.network] != nil || beats.count < limit else { return }
        beats[beat.network, default: [:]][beat.signer] = beat
        guard let kept = beats[beat.network], kept.count > NetworkBeat.count,
            let oldest = kept.values.min(by: { ($0.time, $0.signer) < ($1.time, $1.signer) })
        else { return }
        beats[beat.network]?[oldest.signer] = nil
    }
}
