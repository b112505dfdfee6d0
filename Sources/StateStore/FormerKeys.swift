import OverlayCrypto
import PosternModel

/// The keys that a node has had before its current one, with which it opens what was sealed to them and answers whoever
/// has not heard of the change: one line of JSON, `type`, `did`, which is the current key, and `box`, the seeds sealed
/// to that (`Protocol.md` §2.2).
struct FormerKeys: Sendable {
    let path: String

    private static let type = "postern.former-keys.1"
    private static let byteLimit = 1 << 16

    /// The keys in the file, the earliest first, opened by `current`.
    func load(_ current: NodeIdentity) throws(Problem) -> [NodeIdentity] {
        try seeds(current).map { seed throws(Problem) in
            guard let identity = try? SeedText.identity(Array(seed.utf8)[...]) else { throw broken }
            return identity
        }
    }

    /// The seeds of the same, as 64 digits each.
    func seeds(_ current: NodeIdentity) throws(Problem) -> [String] {
        let bytes: [UInt8]
        do { bytes = try StateFile(reading: path).readAll(limit: Self.byteLimit) } catch { throw Problem(error) }
        guard let document = try? JSONValue(parsing: String(decoding: bytes, as: UTF8.self)),
            document["type"]?.string == Self.type,
            let box = document["box"]?.string.flatMap({ Base64URL.decode($0) }),
            let text = current.openSealed(box), let list = (try? JSONValue(parsing: text))?.array
        else { throw broken }
        return list.compactMap(\.string)
    }

    /// Writes the file for the node whose key is `current` from now on.
    func write(_ seeds: [String], sealedTo current: NodeKey) throws(Problem) {
        let random = RandomSource(seed: SystemRandom.bytes(32))
        guard let box = current.seal(JSONValue.texts(seeds).canonicalBytes, using: random) else { throw broken }
        let document: JSONValue = [
            "type": .string(Self.type), "did": .string(current.did), "box": .string(Base64URL.encode(box)),
        ]
        let line = document.canonicalBytes + [UInt8(ascii: "\n")]
        do { try StateFile.replace(path, with: line, isDurable: true) } catch { throw Problem(error) }
    }

    private var broken: Problem {
        Problem(
            code: "records-broken",
            message: "\(path) does not hold the former keys of this node",
            hint: "bring back the copy of it that belongs to the key"
        )
    }
}
