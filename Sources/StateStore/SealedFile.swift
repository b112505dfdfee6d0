import OverlayCrypto
import PosternModel

/// One line of JSON with something that only a passphrase opens:
///
/// ```
/// {"argon2id":{"memoryKiB":65536,"passes":4,"salt":"…"},"box":"…","did":"did:key:z…","type":"postern.protected-key.1"}
/// ```
///
/// The key is Argon2id (RFC 9106, version 1.3, one lane, 32 bytes) of the passphrase's UTF-8 bytes with the salt of 16
/// bytes. `box` is a random nonce of 24 bytes and XChaCha20-Poly1305 of the content; what is authenticated with it is
/// the RFC 8785 form of the other members. Bytes are in base64url without padding (`Protocol.md` §2.2).
struct SealedFile: Sendable {
    /// What is inside.
    enum Kind: String {
        /// The 64 hexadecimal digits of a key's seed.
        case key = "postern.protected-key.1"
        /// An identity that moves: see ``IdentityArchive``.
        case archive = "postern.identity-export.1"
    }

    /// Whose it is: to be read without the passphrase.
    let owner: NodeKey
    /// The members without `box`.
    private let header: JSONObject
    private let salt: [UInt8]
    private let cost: PassphraseCost
    private let box: [UInt8]

    /// Bytes of the largest such file.
    static let byteLimit = 1 << 20

    /// The file in `text`; nil when it is none of `kind`.
    init?(_ text: some Collection<UInt8>, kind: Kind) {
        let line = String(decoding: text, as: UTF8.self)
        guard let document = try? JSONValue(parsing: line), var members = document.object,
            members["type"]?.string == kind.rawValue,
            let owner = members["did"]?.string.flatMap({ NodeKey(did: $0) }),
            let salt = members["argon2id"]?["salt"]?.string.flatMap({ Base64URL.decode($0) }),
            let passes = members["argon2id"]?["passes"]?.integer,
            let memory = members["argon2id"]?["memoryKiB"]?.integer,
            let cost = PassphraseCost(passes: passes, memoryKiB: memory),
            let box = members["box"]?.string.flatMap({ Base64URL.decode($0) }),
            salt.count == PassphraseCost.saltByteCount
        else { return nil }
        members["box"] = nil
        self.owner = owner
        header = members
        self.salt = salt
        self.cost = cost
        self.box = box
    }

    /// The line for a file in which `content` of `owner` is sealed under `passphrase`.
    static func line(
        sealing content: [UInt8],
        kind: Kind,
        owner: NodeKey,
        under passphrase: Passphrase,
        cost: PassphraseCost
    ) throws(Problem) -> [UInt8] {
        let salt = SystemRandom.bytes(PassphraseCost.saltByteCount)
        var header = JSONObject()
        header["type"] = .string(kind.rawValue)
        header["did"] = .string(owner.did)
        header["argon2id"] = [
            "memoryKiB": .integer(Int64(cost.memoryKiB)), "passes": .integer(Int64(cost.passes)),
            "salt": .string(Base64URL.encode(salt)),
        ]
        guard let key = ContentKey(passphrase: passphrase.bytes, salt: salt, cost: cost) else { throw noMemory(cost) }
        let random = RandomSource(seed: SystemRandom.bytes(32))
        let box = key.seal(content, context: JSONValue.object(header).canonicalBytes, using: random)
        header["box"] = .string(Base64URL.encode(box))
        return JSONValue.object(header).canonicalBytes + [UInt8(ascii: "\n")]
    }

    /// What is inside; nil when `passphrase` is another one, or the file was changed.
    func open(with passphrase: Passphrase) throws(Problem) -> [UInt8]? {
        guard let key = ContentKey(passphrase: passphrase.bytes, salt: salt, cost: cost) else {
            throw Self.noMemory(cost)
        }
        return key.open(box, context: JSONValue.object(header).canonicalBytes)
    }

    private static func noMemory(_ cost: PassphraseCost) -> Problem {
        Problem(
            code: "no-memory",
            message: "the system has not the \(cost.memoryKiB >> 10) MiB that opening the passphrase takes",
            hint: "raise the memory limit of the process"
        )
    }
}
