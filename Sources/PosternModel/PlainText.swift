/// Text that a stranger wrote, made safe to show: it may neither drive a terminal nor reorder what stands beside it.
package enum PlainText {
    /// `text` without control and format characters, those that set a direction among them, cut to `limit` UTF-8 bytes
    /// at a character's end.
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
        switch scalar.properties.generalCategory {
        // Unicode TR 9: embeddings, overrides, isolates and marks are format characters, as are zero-width ones, the
        // byte order mark and tags (TR 36 §2).
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: false
        case _: true
        }
    }
}
