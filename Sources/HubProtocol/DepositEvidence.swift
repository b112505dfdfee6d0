import PosternModel
package import TrustCore

/// Why a hub should find room for mail (RULES M). Mail without any, or with evidence that does not count, is a
/// stranger's.
package enum DepositEvidence: Hashable, Sendable {
    /// A grant of the target to the sender: of a trust that stands, or from the request or claim that the mail answers.
    case grant(Grant)
    /// The token of one of the target's contact cards.
    case contact(ContactToken)
    /// Work that a stranger has done for this mail.
    case work(MailWork)

    /// The evidence among the members of a deposit; nil when there is none.
    init?(in fields: JSONFields) throws(RecordError) {
        guard ["grant", "contact", "work"].count(where: fields.has) <= 1 else { throw .invalid("evidence") }
        if fields.has("grant") {
            self = .grant(try Grant(verifying: try fields.value("grant")))
        } else if fields.has("contact") {
            let bytes = try fields.bytes("contact", limit: ContactToken.byteCount)
            guard let token = ContactToken(bytes: bytes) else { throw .invalid("contact") }
            self = .contact(token)
        } else if fields.has("work") {
            self = .work(try MailWork(try fields.value("work")))
        } else {
            return nil
        }
    }

    /// The member of a deposit that holds it.
    var member: (name: String, value: JSONValue) {
        switch self {
        case .grant(let grant): ("grant", grant.document)
        case .contact(let token): ("contact", .string(Base64URL.encode(token.bytes)))
        case .work(let work): ("work", work.document)
        }
    }
}
