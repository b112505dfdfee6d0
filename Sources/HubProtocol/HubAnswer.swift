package import OverlayWire
package import PosternModel
package import TrustCore

/// What a hub answers. Answers that must not differ are made in one place.
package enum HubAnswer {
    /// Done, or, for mail, taken: the same whether the target exists, is full or has refused (R9).
    package static let done: JSONValue = ["ok": true]
    /// There is no such node, or the requester may not know of it: the same answer.
    package static let unknown = failure("unknown", "no such node, or no valid grant of it was shown")
    /// The requester asks too often, or the hub is full.
    package static let overLimit = failure("over-limit", "too many requests; try again later")
    /// A lookup by a node that does not watch: it could not be told when the conversation ends.
    package static let notWatching = failure("not-watching", "open the event stream on port 2 first")
    /// The hub could not write to its store.
    package static let unavailable = failure("unavailable", "the hub cannot store this now; try again later")
    /// The target is registered but away; the requester is told when it comes.
    package static let offline: JSONValue = ["ok": true, "online": false]

    /// The target is there; sealed packets for it go into the requester's `channel`.
    package static func online(_ channel: RelayChannel) -> JSONValue {
        ["ok": true, "online": true, "channel": .integer(Int64(channel.rawValue))]
    }

    /// The request is none, or holds a record that does not verify.
    package static func invalid(_ error: RecordError) -> JSONValue { failure("invalid", error.description) }

    private static func failure(_ code: String, _ message: String) -> JSONValue {
        ["ok": false, "error": ["code": .string(code), "message": .string(message)]]
    }
}
