package import OverlayCrypto
package import PosternModel

/// What nodes send each other through a hub's mailbox: a signed record sealed to the reader's key, so that the hub
/// sees neither who writes nor what.
package enum Mail: Hashable, Sendable {
    case request(TrustRequest)
    case acceptance(TrustAcceptance)
    case rejection(TrustRejection)
    case revocation(Revocation)
    case claim(InvitationClaim)
    case notice(NetworkNotice)

    /// Sealed text is filled up with spaces to a multiple of this many bytes, so that its size does not tell its kind.
    private static let bucket = 2_048

    /// The signed object.
    package var document: JSONValue {
        switch self {
        case .request(let request): request.document
        case .acceptance(let acceptance): acceptance.document
        case .rejection(let rejection): rejection.document
        case .revocation(let revocation): revocation.document
        case .claim(let claim): claim.document
        case .notice(let notice): notice.document
        }
    }

    /// The same, as it was verified.
    package var record: SignedRecord {
        switch self {
        case .request(let request): request.record
        case .acceptance(let acceptance): acceptance.record
        case .rejection(let rejection): rejection.record
        case .revocation(let revocation): revocation.record
        case .claim(let claim): claim.record
        case .notice(let notice): notice.record
        }
    }

    /// Who signed it.
    package var sender: NodeKey {
        switch self {
        case .request(let request): request.asker
        case .acceptance(let acceptance): acceptance.giver
        case .rejection(let rejection): rejection.giver
        case .revocation(let revocation): revocation.giver
        case .claim(let claim): claim.redeemer
        case .notice(let notice): notice.giver
        }
    }

    /// Whom it is meant for: a signed part of every kind, so that a reader cannot pass it on as if meant for another.
    package var reader: NodeKey {
        switch self {
        case .request(let request): request.target
        case .acceptance(let acceptance): acceptance.grant.subject
        case .rejection(let rejection): rejection.target
        case .revocation(let revocation): revocation.subject
        case .claim(let claim): claim.inviter
        case .notice(let notice): notice.reader
        }
    }

    /// The record sealed to its reader, whose keys `keys` may tell; `tooLarge` beyond ``RecordLimits/sealed``,
    /// `invalid("to")` when the reader's key is not one that can be sealed to. `random` gives the ephemeral key.
    package func sealed(using random: RandomSource, keys: [NodeKey: NodeChain] = [:]) throws(RecordError) -> [UInt8] {
        var text = document.canonicalBytes
        let rest = text.count % Self.bucket
        if rest > 0 { text += Array(repeating: UInt8(ascii: " "), count: Self.bucket - rest) }
        guard let box = (keys[reader]?.current ?? reader).seal(text, using: random) else { throw .invalid("to") }
        guard box.count <= RecordLimits.sealed else { throw .tooLarge }
        return box
    }

    /// The verified record in `box`, which was sealed to `identity` and says so inside.
    package init(opening box: [UInt8], with identity: NodeIdentity) throws(RecordError) {
        guard box.count <= RecordLimits.sealed else { throw .tooLarge }
        guard let text = identity.openSealed(box) else { throw .notForUs }
        guard let document = try? JSONValue(parsing: text) else { throw .malformed }
        guard let type = RecordType(rawValue: try JSONFields(document).text("type", limit: 64)) else {
            throw .wrongType
        }
        switch type {
        case .grant, .mark, .receipt, .beat, .node, .credential: throw .wrongType
        case .request: self = .request(try TrustRequest(verifying: document))
        case .acceptance: self = .acceptance(try TrustAcceptance(verifying: document))
        case .rejection: self = .rejection(try TrustRejection(verifying: document))
        case .revocation: self = .revocation(try Revocation(verifying: document))
        case .claim: self = .claim(try InvitationClaim(verifying: document))
        case .notice: self = .notice(try NetworkNotice(verifying: document))
        }
        guard reader == identity.key else { throw .notForUs }
    }
}
