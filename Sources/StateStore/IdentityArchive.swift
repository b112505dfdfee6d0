import OverlayCrypto
import PosternModel
import TrustCore

/// An identity on its way to another host: a ``SealedFile`` with the RFC 8785 form of
///
/// ```
/// {"former":["<64 hexadecimal digits>",…],"records":[…],"seed":"<64 hexadecimal digits>"}
/// ```
///
/// `former` are the keys before the current one, the earliest first.
/// `records` are those of `identity.records`, and empty when the node has committed to no next key (`Protocol.md`
/// §2.2). The next key, trust and memberships are not in it.
struct IdentityArchive {
    let owner: NodeKey
    /// The 64 digits of the seed.
    var digits: [UInt8]
    let records: NodeChain?
    /// The seeds of the keys before it, as 64 digits each.
    let former: [String]

    init(owner: NodeKey, digits: [UInt8], records: NodeChain?, former: [String]) {
        self.former = former
        self.owner = owner
        self.digits = digits
        self.records = records
    }

    /// The archive in the file at `path`, opened with a passphrase of `source`.
    init(file path: String, opening source: any PassphraseSource) throws(Problem) {
        var bytes: [UInt8]
        do throws(StateFileError) {
            bytes = try StateFile(reading: path).readAll(limit: SealedFile.byteLimit)
        } catch {
            throw Problem(
                code: "archive-unreadable",
                message: "the archive cannot be read: \(error)",
                hint: "name the file that `postern identity export` has written"
            )
        }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        guard let file = SealedFile(bytes, kind: .archive) else { throw Self.broken(path) }
        guard var content = try file.open(with: try source.passphrase(for: path)) else {
            throw Problem(
                code: "wrong-passphrase",
                message: "the passphrase does not open \(path), or the file was changed",
                hint: "give the one that it was exported with"
            )
        }
        defer { SeedText.wipe(&content) }
        guard let document = try? JSONValue(parsing: String(decoding: content, as: UTF8.self)),
            let digits = document["seed"]?.string.map({ Array($0.utf8) }),
            let identity = try? SeedText.identity(digits[...]), identity.key == file.owner,
            let list = document["records"]?.array
        else { throw Self.broken(path) }
        owner = file.owner
        self.digits = digits
        former = document["former"]?.array?.compactMap(\.string) ?? []
        guard !list.isEmpty else {
            records = nil
            return
        }
        guard let chain = try? NodeChain(verifying: list), chain.current == file.owner else { throw Self.broken(path) }
        records = chain
    }

    /// The line for the file.
    func line(under passphrase: Passphrase, cost: PassphraseCost) throws(Problem) -> [UInt8] {
        let list = records?.records.map(\.document) ?? []
        let document: JSONValue = [
            "seed": .string(String(decoding: digits, as: UTF8.self)), "records": .array(list),
            "former": .texts(former),
        ]
        var content = document.canonicalBytes
        defer { SeedText.wipe(&content) }
        return try SealedFile.line(sealing: content, kind: .archive, owner: owner, under: passphrase, cost: cost)
    }

    private static func broken(_ path: String) -> Problem {
        Problem(
            code: "archive-broken",
            message: "\(path) is not an identity that `postern identity export` has written",
            hint: "take the whole file, unchanged"
        )
    }
}
