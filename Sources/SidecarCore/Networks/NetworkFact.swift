package import OverlayCrypto
import PosternModel
package import TrustCore

/// One durable fact about a network.
package enum NetworkFact: Hashable, Sendable {
    /// The operator founds it or joins it, and calls it so.
    case named(NetworkID, String)
    /// The link by which it is joined.
    case invited(NetworkInvitation)
    /// Somebody whom we know has made us a member of it; the operator has not joined.
    case noticed(NetworkNotice)
    /// The operator joins what was noticed.
    case accepted(NetworkNotice)
    /// The certificate by which we take part, in the place of a former one.
    case certified(CredentialLink)
    /// A content key of it.
    case keyed(NetworkID, ContentKey)
    /// Entries of its log, each behind the one that it follows.
    case entries(NetworkID, [NetworkEntry])
    /// The whole of its log, for a journal that is written anew: there it is written as entries.
    case log(NetworkID, NetworkLog)
    /// It is known no longer.
    case forgotten(NetworkID)
}

extension NetworkFact {
    /// The form in the journal, as the member `network` of a fact.
    var document: JSONValue {
        switch self {
        case .named(let id, let name): ["id": .string(id.description), "name": .string(name)]
        case .invited(let invitation): ["invitation": .string(invitation.token)]
        case .noticed(let notice): ["notice": notice.document]
        case .accepted(let notice): ["notice": notice.document, "accepted": true]
        case .certified(let link): ["certificate": .string(link.token)]
        case .keyed(let id, let key):
            ["id": .string(id.description), "key": .string(Base64URL.encode(key.copyBytes()))]
        case .entries(let id, let entries):
            ["id": .string(id.description), "entries": .array(entries.map(\.document))]
        case .log(let id, let log): NetworkFact.entries(id, log.all).document
        case .forgotten(let id): ["id": .string(id.description), "forgotten": true]
        }
    }

    /// The fact in `document`; its records are verified again, but not the entries of one that is sealed (`areSealed`):
    /// what only this node can have written holds those alone that were verified when they came.
    init(_ document: JSONValue, areSealed: Bool) throws(RecordError) {
        let fields = try JSONFields(document)
        if fields.has("invitation") {
            self = .invited(try NetworkInvitation(token: try fields.text("invitation", limit: 8_192)))
            return
        }
        if fields.has("certificate") {
            self = .certified(try CredentialLink(token: try fields.text("certificate", limit: 16_384)))
            return
        }
        if fields.has("notice") {
            let notice = try NetworkNotice(verifying: try fields.value("notice"))
            self = fields.has("accepted") ? .accepted(notice) : .noticed(notice)
            return
        }
        let id = NetworkID(try fields.hash("id"))
        if fields.has("name") {
            self = .named(id, try fields.text("name", limit: RecordLimits.name))
        } else if fields.has("key") {
            guard let key = ContentKey(bytes: try fields.bytes("key", exactly: ContentKey.byteCount)) else {
                throw .invalid("key")
            }
            self = .keyed(id, key)
        } else if fields.has("entries") {
            var entries: [NetworkEntry] = []
            for entry in try fields.value("entries").array ?? [] {
                entries.append(areSealed ? try NetworkEntry(stored: entry) : try NetworkEntry(verifying: entry))
            }
            self = .entries(id, entries)
        } else {
            self = .forgotten(id)
        }
    }
}
