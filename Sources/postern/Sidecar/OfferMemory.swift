import Foundation
import PosternModel
import SidecarControl

/// What peers offered when they were last asked, kept over restarts: the first call after a start asks for the service
/// itself and not, a round trip earlier, where it is.
///
/// A file in the state directory, mode 0600: a JSON object from did to the list that the peer gave. What is outdated
/// costs a refused call at most, for a list from here is asked for anew as soon as it is used.
struct OfferMemory {
    private let path: String
    private var lists: JSONObject

    /// What is remembered at `path`; a file that is not there or not readable remembers nothing.
    init(path: String) {
        self.path = path
        let text = try? String(contentsOfFile: path, encoding: .utf8)
        lists = text.flatMap { try? JSONValue(parsing: $0).object } ?? JSONObject()
    }

    /// The list that `peer` gave last; nil: none is known.
    func list(of peer: NodeKey) -> JSONValue? {
        lists[peer.did]
    }

    /// `peer` offers what `list` says from now on; nil: it is nothing to us any more.
    mutating func remember(_ list: JSONValue?, of peer: NodeKey) throws {
        guard lists[peer.did] != list else { return }
        lists[peer.did] = list
        try Data((JSONValue.object(lists).compactText + "\n").utf8).write(
            to: URL(fileURLWithPath: path),
            options: .atomic
        )
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
}
