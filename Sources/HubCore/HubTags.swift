import HubProtocol
package import OverlayCrypto
package import PosternModel
import TrustCore

/// Makes the tags by which a hub compares senders, networks and the pairs of revocations without keeping them. They
/// depend on a secret of the hub, or whoever has its store could try all networks.
package struct HubTags: Sendable {
    private let key: [UInt8]

    private static let context = Array("postern hub tags 1".utf8)

    /// The tags of the hub with `identity`: the same ones in each of its lives.
    package init(of identity: NodeIdentity) {
        key = Hash.blake2b(identity.sign(Self.context).bytes)
    }

    /// The tags of all hubs that share a store, and with it `secret`.
    package init(secret: [UInt8]) {
        key = Hash.blake2b(Self.context + secret)
    }

    /// By this a store knows whether a hub has the secret of the others; it does not tell the secret.
    package var check: [UInt8] { Hash.blake2b(Array("check".utf8), key: key) }

    /// The tag of the pair.
    func sender(_ sender: NodeKey, to target: NodeKey) -> UInt64 {
        tag("sender", sender.bytes + target.bytes)
    }

    /// The tag of the network.
    func network(_ network: SourceNetwork) -> UInt64 {
        tag("network", Self.bytes(of: network.bits))
    }

    /// What the reader of a mail may know of the network that it came from: two readers cannot compare theirs.
    func origin(of standing: MailStanding, for target: NodeKey) -> MailOrigin {
        MailOrigin(tag("origin", Self.bytes(of: standing.network) + target.bytes))
    }

    /// The class of a mail, as its reader is told it.
    func mailClass(of standing: MailStanding, for target: NodeKey) -> MailClass {
        switch standing.kind {
        case .known: .known
        case .contact: .contact(from: origin(of: standing, for: target))
        case .stranger: .stranger(from: origin(of: standing, for: target))
        }
    }

    /// The place of what `giver` has revoked of its grants to `subject`.
    package func revocation(by giver: NodeKey, of subject: NodeKey) -> RevocationKey {
        let pair = Hash.blake2b(Array("revocation".utf8) + giver.bytes + subject.bytes, key: key)
        guard let pair = Words32(bytes: pair) else { preconditionFailure("the hash has 32 bytes") }
        return RevocationKey(giver: tag("giver", giver.bytes), pair: pair)
    }

    /// What other hubs are told of a revocation, and nobody else can read.
    func hidden(_ pair: GrantPair) -> HubNotice.HiddenPair {
        let name = revocation(by: pair.giver, of: pair.subject).pair
        let names = zip(pair.giver.bytes + pair.subject.bytes, mask(of: name)).map { $0 ^ $1 }
        return HubNotice.HiddenPair(pair: name, names: names)
    }

    /// The pair that another hub with these tags has hidden; nil: it is none.
    func names(_ hidden: HubNotice.HiddenPair) -> GrantPair? {
        let names = zip(hidden.names, mask(of: hidden.pair)).map { $0 ^ $1 }
        guard let giver = NodeKey(bytes: Array(names.prefix(32))),
            let subject = NodeKey(bytes: Array(names.dropFirst(32))),
            revocation(by: giver, of: subject).pair == hidden.pair
        else { return nil }
        return GrantPair(giver: giver, subject: subject)
    }

    private func mask(of pair: Words32) -> [UInt8] {
        Hash.blake2b(Array("revocation names".utf8) + pair.bytes, key: key, byteCount: 64)
    }

    /// What is kept of `revocation`.
    func stored(_ revocation: Revocation) -> StoredRevocation {
        let mask = mask(by: revocation.giver, of: revocation.subject, issued: revocation.issued)
        return StoredRevocation(issued: revocation.issued, signature: zip(revocation.signature, mask).map { $0 ^ $1 })
    }

    /// The revocation of which `stored` is what was kept, by a node of which `keys` are known; nil when that cannot be
    /// made of it any more.
    func revocation(
        _ stored: StoredRevocation,
        by giver: NodeKey,
        of subject: NodeKey,
        keys: NodeChain? = nil
    ) -> Revocation? {
        let mask = mask(by: giver, of: subject, issued: stored.issued)
        let signature = zip(stored.signature, mask).map { $0 ^ $1 }
        let states = [nil] + (keys?.changes ?? [])
        for keys in states {
            let made = try? Revocation(
                of: subject,
                by: giver,
                issued: stored.issued,
                signature: signature,
                keys: keys
            )
            if let made { return made }
        }
        return nil
    }

    /// What a signature is hidden with, which would tell whose it is to whoever tries all pairs.
    private func mask(by giver: NodeKey, of subject: NodeKey, issued: Timestamp) -> [UInt8] {
        let time = Self.bytes(of: UInt64(bitPattern: issued.nanoseconds))
        let message = Array("revocation mask".utf8) + giver.bytes + subject.bytes + time
        return Hash.blake2b(message, key: key, byteCount: 64)
    }

    private func tag(_ purpose: String, _ message: [UInt8]) -> UInt64 {
        let hash = Hash.blake2b(Array(purpose.utf8) + message, key: key, byteCount: 8)
        return hash.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func bytes(of number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
    }
}
