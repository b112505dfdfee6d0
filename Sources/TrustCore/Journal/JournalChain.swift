import OverlayCrypto
import PosternModel

/// A node's journal as a chain of sealed lines: whatever somebody else adds, changes, removes or moves shows
/// (RULES N19).
///
/// A line is `SEAL SEQUENCE PREVIOUS CONTENT` and a line feed. `SEAL`, 64 hexadecimal digits, is BLAKE2b-256 of what
/// stands behind its blank, under a key of the node's own; `PREVIOUS` is the seal of the line before, or zeros.
/// Sequence numbers rise, as a rule by one. A *base* has `=` before its number: it says all that the lines before it
/// said, and is the first of its file.
///
/// Lines are appended and made durable one at a time, so a crash can damage the last line and no other: a damaged last
/// line was never acknowledged and is cut off. A journal of a former version has lines `CHECKSUM CONTENT`, the checksum
/// being 16 digits of BLAKE2b-64; the first sealed line behind them follows the hash of them all.
package struct JournalChain: Sendable {
    package private(set) var head: ChainHead
    private let key: ChainKey

    /// A chain that goes on after `head`, sealed with `key`, whose purpose is the journal.
    package init(after head: ChainHead = .empty, key: ChainKey) {
        self.head = head
        self.key = key
    }

    /// The line with `content`, which holds no line feed. Its number is the next one, or `minimum` if that is higher.
    /// As a base it takes the place of everything before.
    package mutating func append(_ content: [UInt8], isBase: Bool = false, minimum: Int64 = 0) -> [UInt8] {
        let sequence = max(head.sequence + 1, minimum)
        let text = Array("\(isBase ? "=" : "")\(sequence) \(head.hash) ".utf8) + content
        let seal = key.seal(text)
        head = ChainHead(sequence: sequence, hash: seal)
        return Array("\(seal) ".utf8) + text + [UInt8(ascii: "\n")]
    }

    /// The content of the line that a journal begins with: it says nothing.
    package static let opening = Array("[]".utf8)
}

/// A line of a journal, whole and by itself authentic.
struct JournalLine {
    enum Form {
        /// Of a former version, with a checksum that anybody can make.
        case former
        case sealed(ChainHead, previous: String, isBase: Bool)
    }

    let form: Form
    let content: ArraySlice<UInt8>

    private static let sealSize = 64
    private static let checksumSize = 16

    /// The line in `bytes`, without its line feed; nil when it is damaged, or not the node's.
    init?(_ bytes: ArraySlice<UInt8>, key: ChainKey) {
        guard let blank = bytes.firstIndex(of: UInt8(ascii: " ")) else { return nil }
        let (seal, rest) = (Array(bytes[..<blank]), bytes[(blank + 1)...])
        switch seal.count {
        case Self.checksumSize:
            let checksum = Hex.encode(Hash.blake2b(Array(rest), byteCount: Self.checksumSize / 2))
            guard Array(checksum.utf8) == seal, !rest.isEmpty else { return nil }
            (form, content) = (.former, rest)
        case Self.sealSize:
            guard key.verify(seal, of: Array(rest)) else { return nil }
            let parts = rest.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            let isBase = parts[0].first == UInt8(ascii: "=")
            guard let sequence = Int64(String(decoding: parts[0].dropFirst(isBase ? 1 : 0), as: UTF8.self)) else {
                return nil
            }
            let head = ChainHead(sequence: sequence, hash: String(decoding: seal, as: UTF8.self))
            form = .sealed(head, previous: String(decoding: parts[1], as: UTF8.self), isBase: isBase)
            content = parts[2]
        case _:
            return nil
        }
    }
}
