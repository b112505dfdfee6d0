import PosternModel
import TrustCore

/// How a hub came to keep a mail (RULES M), told to its reader, who can thereby be fair among strangers.
package enum MailClass: Hashable, Sendable {
    /// The sender showed a grant of the reader.
    case known
    /// The sender showed a token of the reader's contact cards.
    case contact(from: MailOrigin)
    /// The sender showed nothing but work.
    case stranger(from: MailOrigin)

    /// The class in the members `class` and `origin`.
    init(in fields: JSONFields) throws(RecordError) {
        switch try fields.text("class", limit: 16) {
        case "known": self = .known
        case "contact": self = .contact(from: try MailOrigin(in: fields))
        case "stranger": self = .stranger(from: try MailOrigin(in: fields))
        case _: throw .invalid("class")
        }
    }

    /// The value of the member `class`.
    var name: String {
        switch self {
        case .known: "known"
        case .contact: "contact"
        case .stranger: "stranger"
        }
    }

    /// The network that it came from, unless that is nobody's business.
    package var origin: MailOrigin? {
        switch self {
        case .known: nil
        case .contact(let origin), .stranger(let origin): origin
        }
    }
}

/// Which network a mail came from, in a form that tells only whether two mails to the same reader came from the same
/// one.
package struct MailOrigin: Hashable, Sendable {
    /// A keyed hash of the network's prefix and the reader.
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    fileprivate init(in fields: JSONFields) throws(RecordError) {
        let bytes = try fields.bytes("origin", limit: 8, exactly: 8)
        rawValue = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Base64url of the eight bytes.
    var json: JSONValue {
        .string(Base64URL.encode((0..<8).map { UInt8(truncatingIfNeeded: rawValue >> UInt64(56 - 8 * $0)) }))
    }
}
