/// Text that a stranger wrote, made safe to show: it may neither drive a terminal nor reorder what stands beside it.
package enum PlainText {
    /// `text` without control characters and direction overrides, cut to `limit` UTF-8 bytes at a character's end.
    package static func clean(_ text: String, limit: Int) -> String {
        var result = ""
        var byteCount = 0
        for character in text {
            let shown = character.unicodeScalars.allSatisfy(isPlain) ? character : " "
            byteCount += shown.utf8.count
            guard byteCount <= limit else { break }
            result.append(shown)
        }
        return result
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1f, 0x7f...0x9f: false
        // Unicode TR 9: embeddings, overrides and isolates; TR 36 §2: zero-width characters and the byte order mark.
        case 0x202a...0x202e, 0x2066...0x2069, 0x200b...0x200f, 0x2028, 0x2029, 0xfeff: false
        case 0xe0000...0xe007f: false
        case _: true
        }
    }
}
