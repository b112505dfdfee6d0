import OverlayCrypto
import PosternModel

/// The text form of what is handed from person to person: a scheme and base64url of canonical JSON and a check.
///
/// It travels through mail, chats and terminals, which wrap lines, quote, and put punctuation behind it. None of that
/// is damage.
package enum LinkText {
    /// The longest text in which a link is looked for, in UTF-8 bytes.
    package static let limit = 65_536
    /// The words behind its beginning that may belong to it.
    private static let wordLimit = 512
    private static let checkSize = 4

    /// What stands behind the scheme of a link that says `document`.
    static func encode(_ document: JSONValue) -> String {
        let bytes = document.canonicalBytes
        return Base64URL.encode(bytes + Hash.blake2b(bytes).prefix(checkSize))
    }

    /// The document of a link, without its scheme; nil when it is damaged.
    static func decode(_ body: some StringProtocol) -> JSONValue? {
        guard let bytes = Base64URL.decode(body), bytes.count > checkSize else { return nil }
        let text = Array(bytes.dropLast(checkSize))
        guard Hash.blake2b(text).prefix(checkSize).elementsEqual(bytes.suffix(checkSize)) else { return nil }
        return try? JSONValue(parsing: text)
    }

    /// Whether `text` holds what looks like a link of `scheme`.
    static func holds(_ scheme: String, in text: some StringProtocol) -> Bool {
        text.utf8.count <= limit && CompactedText(text, scheme: scheme).start != nil
    }

    /// What `read` makes of the link of `scheme` in `text`; nil when there is none or it is damaged.
    static func find<Link>(_ scheme: String, in text: some StringProtocol, _ read: (String) -> Link?) -> Link? {
        guard text.utf8.count <= limit else { return nil }
        let compacted = CompactedText(text, scheme: scheme)
        guard let start = compacted.start else { return nil }
        // Words may follow: it ends behind the one with which its check is right.
        for end in compacted.ends(after: start, wordLimit: wordLimit) {
            if let link = read(String(decoding: compacted.bytes[start..<end], as: UTF8.self)) { return link }
        }
        return nil
    }
}

/// A text without what mail programs and people put into and around an invitation.
private struct CompactedText {
    private(set) var bytes: [UInt8] = []
    /// Where something was left out.
    private var gaps: [Int] = []

    private let scheme: [UInt8]

    init(_ text: some StringProtocol, scheme: String) {
        self.scheme = Array(scheme.utf8)
        for scalar in text.unicodeScalars {
            if Self.isDecoration(scalar) {
                if gaps.last != bytes.count { gaps.append(bytes.count) }
            } else {
                bytes += Array(String(scalar).utf8)
            }
        }
    }

    /// Where the invitation begins.
    var start: Int? {
        guard bytes.count >= scheme.count else { return nil }
        return (0...(bytes.count - scheme.count)).first { position in
            bytes[position] == scheme[0]
                && bytes[position..<(position + scheme.count)].elementsEqual(scheme)
        }
    }

    /// Where it may end: at each gap, and where something comes that cannot be part of it. Hyphens and underscores
    /// there may be punctuation.
    func ends(after start: Int, wordLimit: Int) -> [Int] {
        let body = start + scheme.count
        let end = bytes[body...].firstIndex { !Self.isPart($0) } ?? bytes.count
        let words = gaps.filter { $0 > body && $0 < end }.prefix(wordLimit) + [end]
        return words.flatMap { word in
            var bare = word
            while bare > body, Self.isDash(bytes[bare - 1]) { bare -= 1 }
            return bare == word ? [word] : [word, bare]
        }
    }

    private static func isDash(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private static func isPart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        case _: false
        }
    }

    /// White space, quotation marks, marks of quoted lines and of soft line breaks, and what nobody sees.
    private static func isDecoration(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || scalar.properties.isQuotationMark
            || scalar.properties.generalCategory == .format || "`<>*|=".unicodeScalars.contains(scalar)
    }
}
