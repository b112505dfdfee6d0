/// Blanks out what is not code in Swift text, so that a search finds code only.
///
/// Comments (also nested ones), string literals of every form with their interpolations, and names in backticks turn
/// into spaces; line ends stay, so positions and line numbers are those of the text.
struct SwiftMask {
    private static let newline = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")
    private static let quote = UInt8(ascii: "\"")
    private static let hash = UInt8(ascii: "#")
    private static let slash = UInt8(ascii: "/")
    private static let star = UInt8(ascii: "*")
    private static let backslash = UInt8(ascii: "\\")
    private static let backtick = UInt8(ascii: "`")

    private let text: [UInt8]
    private var result: [UInt8]
    private var position = 0

    /// `text` with everything but code blanked out.
    static func codeOnly(_ text: [UInt8]) -> [UInt8] {
        var mask = SwiftMask(text: text, result: text)
        mask.skipCode(untilParenthesis: false, blank: false)
        return mask.result
    }

    private func at(_ offset: Int) -> UInt8? {
        position + offset < text.count ? text[position + offset] : nil
    }

    private mutating func take(blank: Bool) {
        if blank, text[position] != Self.newline { result[position] = Self.space }
        position += 1
    }

    /// Walks over code, to the end or behind the parenthesis that closes an interpolation.
    private mutating func skipCode(untilParenthesis: Bool, blank: Bool) {
        var depth = 0
        while let byte = at(0) {
            if byte == Self.slash, at(1) == Self.slash {
                skipLine()
            } else if byte == Self.slash, at(1) == Self.star {
                skipBlockComment()
            } else if let hashes = literalStart() {
                skipLiteral(hashes: hashes)
            } else if byte == Self.backtick {
                skipQuotedName(blank: blank)
            } else {
                take(blank: blank)
                guard untilParenthesis else { continue }
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") {
                    guard depth > 0 else { return }
                    depth -= 1
                }
            }
        }
    }

    /// The number of `#` in front of a string literal that starts here, or nil.
    private func literalStart() -> Int? {
        var hashes = 0
        while at(hashes) == Self.hash { hashes += 1 }
        return at(hashes) == Self.quote ? hashes : nil
    }

    private mutating func skipLine() {
        while let byte = at(0), byte != Self.newline { take(blank: true) }
    }

    private mutating func skipBlockComment() {
        var depth = 0
        while at(0) != nil {
            if at(0) == Self.slash, at(1) == Self.star {
                depth += 1
                take(blank: true)
            } else if at(0) == Self.star, at(1) == Self.slash {
                depth -= 1
                take(blank: true)
            }
            take(blank: true)
            if depth == 0 { return }
        }
    }

    private mutating func skipQuotedName(blank: Bool) {
        take(blank: blank)
        while let byte = at(0), byte != Self.backtick, byte != Self.newline { take(blank: true) }
        if at(0) == Self.backtick { take(blank: blank) }
    }

    private mutating func skipLiteral(hashes: Int) {
        for _ in 0..<hashes { take(blank: true) }
        let quotes = at(1) == Self.quote && at(2) == Self.quote ? 3 : 1
        for _ in 0..<quotes { take(blank: true) }
        while let byte = at(0) {
            if closes(quotes: quotes, hashes: hashes) {
                for _ in 0..<(quotes + hashes) { take(blank: true) }
                return
            }
            if byte == Self.newline, quotes == 1 { return }
            guard byte == Self.backslash, (0..<hashes).allSatisfy({ at(1 + $0) == Self.hash }) else {
                take(blank: true)
                continue
            }
            let escaped = at(1 + hashes)
            for _ in 0..<(1 + hashes) { take(blank: true) }
            if escaped != nil { take(blank: true) }
            if escaped == UInt8(ascii: "(") { skipCode(untilParenthesis: true, blank: true) }
        }
    }

    private func closes(quotes: Int, hashes: Int) -> Bool {
        (0..<quotes).allSatisfy { at($0) == Self.quote } && (0..<hashes).allSatisfy { at(quotes + $0) == Self.hash }
    }
}
