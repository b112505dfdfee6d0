// Invitations travel through mail, chats and terminals, which wrap lines, quote, and put punctuation behind them.
extension Invitation {
    /// The longest text in which an invitation is looked for, in UTF-8 bytes.
    package static let textLimit = 65_536
    /// The words behind its beginning that may belong to it.
    private static let wordLimit = 512

    /// Whether `text` holds what looks like an invitation.
    package static func isInvitation(_ text: some StringProtocol) -> Bool {
        text.utf8.count <= textLimit && Compacted(text).start != nil
    }

    /// The invitation in `text`, whatever stands around it or breaks its lines; nil: there is none, or it is damaged.
    package init?(within text: some StringProtocol) {
        guard text.utf8.count <= Self.textLimit else { return nil }
        let compacted = Compacted(text)
        guard let start = compacted.start else { return nil }
        // Words may follow: it ends behind the one with which its check is right.
        for end in compacted.ends(after: start, wordLimit: Self.wordLimit) {
            let token = String(decoding: compacted.bytes[start..<end], as: UTF8.self)
            guard let invitation = try? Invitation(token: token) else { continue }
            self = invitation
            return
        }
        return nil
    }

    /// A text without what mail programs and people put into and around an invitation.
    private struct Compacted {
        private(set) var bytes: [UInt8] = []
        /// Where something was left out.
        private var gaps: [Int] = []

        private static let scheme = Array(Invitation.scheme.utf8)

        init(_ text: some StringProtocol) {
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
            guard bytes.count >= Self.scheme.count else { return nil }
            return (0...(bytes.count - Self.scheme.count)).first { position in
                bytes[position] == Self.scheme[0]
                    && bytes[position..<(position + Self.scheme.count)].elementsEqual(Self.scheme)
            }
        }

        /// Where it may end: at each gap, and where something comes that cannot be part of it. Hyphens and underscores
        /// there may be punctuation.
        func ends(after start: Int, wordLimit: Int) -> [Int] {
            let body = start + Self.scheme.count
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
}
