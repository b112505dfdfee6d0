import PosternModel
package import TrustCore

/// Why a hub did not do what it was asked.
package enum HubRefusal: Error, Hashable, Sendable {
    /// The document is not a request, or a record in it does not verify; the text says what is wrong.
    case invalid(String)
    /// There is no such node, or the requester may not know of it. Both are this case, and so the same bytes (R8).
    case unknown
    /// The requester asks too often, or a bound of the hub is reached.
    case overLimit
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
        case "not-watching": self = .notWatching
        case "unavailable": self = .unavailable
        case _: throw .invalid("code")
        }
    }

    var document: JSONValue { ["code": .string(code), "message": .string(message)] }

    private var code: String {
        switch self {
        case .invalid: "invalid"
        case .unknown: "unknown"
        case .overLimit: "over-limit"
        case .notWatching: "not-watching"
        case .unavailable: "unavailable"
        }
    }

    private var message: String {
        switch self {
        case .invalid(let reason): reason
        case .unknown: "no such node, or the grant is not a valid one from it"
        case .overLimit: "too many requests; try again later"
        case .notWatching: "open the event stream on port 2 first"
        case .unavailable: "the hub cannot store this now; try again later"
        }
    }
}
