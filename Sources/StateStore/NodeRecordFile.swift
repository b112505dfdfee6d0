import PosternModel
import TrustCore

/// The records of a node's own key: `identity.records` in the state directory, one to a line, the first one first.
struct NodeRecordFile: Sendable {
    let path: String

    private static let byteLimit = 1 << 20

    /// The chain in the file; nil when there is none. Throws when it is damaged.
    func load() throws(Problem) -> NodeChain? {
        guard SystemFile.status(of: path) != nil else { return nil }
        let bytes: [UInt8]
        do { bytes = try StateFile(reading: path).readAll(limit: Self.byteLimit) } catch { throw Problem(error) }
        do {
            let lines = bytes.split(separator: UInt8(ascii: "\n"))
            let documents = try lines.map { try JSONValue(parsing: String(decoding: $0, as: UTF8.self)) }
            return try NodeChain(verifying: documents)
        } catch {
            throw Problem(
                code: "records-broken",
                message: "\(path) is not the history of one node's key: \(error)",
                hint: "bring back a copy of it; peers hold what it says against another one"
            )
        }
    }

    /// Puts `chain`, which goes on from what is there, in its place.
    func replace(by chain: NodeChain) throws(Problem) {
        do { try StateFile.replace(path, with: Self.text(chain), isDurable: true) } catch { throw Problem(error) }
    }

    private static func text(_ chain: NodeChain) -> [UInt8] {
        chain.documents.flatMap { $0.canonicalBytes + [UInt8(ascii: "\n")] }
    }

    /// Makes the file with `chain`. False, and nothing is changed, when there is one.
    func create(_ chain: NodeChain) throws(Problem) -> Bool {
        do { return try StateFile.create(path, with: Self.text(chain)) } catch { throw Problem(error) }
    }
}
