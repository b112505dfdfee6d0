import PosternModel
package import TrustCore

/// Why a hub did not do what it was asked.
package enum HubRefusal: Error, Hashable, Sendable {
    /// The document is not a request, or a record in it does not verify; the text says what is wrong.
    case invalid(String)
    /// There is no such node or network, or the requester may not know of it. All these are this case, and so the same
    /// bytes (R8, R10).
    case unknown
    /// The requester asks too often, or a bound of the hub is reached.
    case overLimit
    /// The mail shows nothing that makes its sender known: it is taken with work of at least so many zero bits, done
    /// for this hour (``MailWork``).
    case workNeeded(bits: Int, hour: Int64)
    /// The log has come further than the entries follow: read it, and sign anew.
    case behind
    /// The hub has as many nodes as it takes.
    case full
    /// The operator does not let this node register here, or has banned it.
    case closed
    /// The requester's key is one that its node has changed, or the history of keys that it tells contradicts the one
    /// that the hub knows.
    case superseded
    /// A look-up by a node without an event stream: it could not be told when the channel closes.
    case notWatching
    /// The hub could not write to its store.
    case unavailable

    /// The refusal of a document that could not be read.
    package init(_ error: RecordError) {
        self = .invalid(error.description)
    }

    /// The refusal in `document`, the member `error` of an answer.
    init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        switch try fields.text("code", limit: 32) {
        case "invalid": self = .invalid(try fields.text("message"))
        case "unknown": self = .unknown
        case "over-limit": self = .overLimit
        case "work":
            guard let bits = Int(exactly: try fields.integer("bits")), bits >= 0 else { throw .invalid("bits") }
            self = .workNeeded(bits: bits, hour: try fields.integer("hour"))
        case "behind": self = .behind
        case "full": self = .full
        case "closed": self = .closed
        case "superseded": self = .superseded
        case "not-watching": self = .notWatching
        case "unavailable": self = .unavailable
        case _: throw .invalid("code")
        }
    }

    var document: JSONValue {
        var members = JSONObject()
        members["code"] = .string(code)
        members["message"] = .string(message)
        if case .workNeeded(let bits, let hour) = self {
            members["bits"] = .integer(Int64(bits))
            members["hour"] = .integer(hour)
        }
        return .object(members)
    }

    private var code: String {
        switch self {
        case .invalid: "invalid"
        case .unknown: "unknown"
        case .overLimit: "over-limit"
        case .workNeeded: "work"
        case .behind: "behind"
        case .full: "full"
        case .closed: "closed"
        case .superseded: "superseded"
        case .notWatching: "not-watching"
        case .unavailable: "unavailable"
        }
    }

    /// What went wrong, for the operator of who asked.
    package var message: String {
        switch self {
        case .invalid(let reason): reason
        case .unknown: "no such node or network, or it is not known to be yours to ask for"
        case .overLimit: "too many requests; try again later"
        case .workNeeded: "mail of a stranger is taken with work"
        case .behind: "the log has other entries behind the one that these follow"
        case .full: "this hub takes no more nodes"
        case .closed: "this hub does not serve this node; ask its operator"
        case .superseded: "the node has another key, or another history of keys, than this"
        case .notWatching: "open the event stream on port 2 first"
        case .unavailable: "the hub cannot store this now; try again later"
        }
    }
}
