import PosternModel
import StateStore

/// What peers offered when they were last asked, kept over restarts: the first call after a start asks for the service
/// itself and not, a round trip earlier, where it is.
///
/// A file in the state directory, mode 0600: a JSON object from did to the list that the peer gave. What is outdated
/// costs a refused call at most, for a list from here is asked for anew as soon as it is used.
struct OfferMemory {
    private let file: CacheFile
    private var lists: JSONObject

    /// What is remembered in `file`; one that is not there or not readable remembers nothing.
    init(file: CacheFile) {
        self.file = file
        lists = (try? JSONValue(parsing: file.load()))?.object ?? JSONObject()
    }

    /// The list that `peer` gave last; nil: none is known.
    func list(of peer: NodeKey) -> JSONValue? {
        lists[peer.did]
    }

    /// `peer` offers what `list` says from now on; nil: it is nothing to us any more.
    mutating func remember(_ list: JSONValue?, of peer: NodeKey) {
        guard lists[peer.did] != list else { return }
        lists[peer.did] = list
        file.save(JSONValue.object(lists).compactBytes + [UInt8(ascii: "\n")])
    }
}
