/// A word or a punctuation mark of Swift code, with the line it stands on, counted from 1.
struct SwiftToken: Hashable, Sendable {
    let text: String
    let line: Int

    /// The tokens of `code`, which ``SwiftMask`` has blanked.
    static func scan(_ code: [UInt8]) -> [SwiftToken] {
        var tokens: [SwiftToken] = []
        var line = 1
        var start: Int?
        for (position, byte) in code.enumerated() {
            if isWord(byte) {
                start = start ?? position
                continue
            }
            if let wordStart = start {
                tokens.append(SwiftToken(text: String(decoding: code[wordStart..<position], as: UTF8.self), line: line))
                start = nil
            }
            if byte == UInt8(ascii: "\n") {
                line += 1
            } else if byte != UInt8(ascii: " "), byte != UInt8(ascii: "\t") {
                tokens.append(SwiftToken(text: String(decoding: [byte], as: UTF8.self), line: line))
            }
        }
        if let start {
            tokens.append(SwiftToken(text: String(decoding: code[start...], as: UTF8.self), line: line))
        }
        return tokens
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "`"), 0x80...: true
        case _: false
        }
    }
}

/// A function, initializer, subscript or computed property that has a body.
struct SwiftFunction: Hashable, Sendable {
    let name: String
    /// From the line of its keyword to the line of its closing brace.
    let lines: ClosedRange<Int>
    /// The tokens of the body, without its braces.
    let body: Range<Int>

    private static let keywords: Set<String> = ["func", "init", "deinit", "subscript", "var"]
    private static let declarations: Set<String> = [
        "func", "init", "deinit", "subscript", "var", "let", "case", "associatedtype", "typealias", "struct", "enum",
        "class", "actor", "protocol", "extension", "static", "mutating", "package", "private", "fileprivate", "public",
    ]

    /// Every one in `tokens`, nested ones too.
    static func all(in tokens: [SwiftToken]) -> [SwiftFunction] {
        tokens.indices.compactMap { start in
            guard keywords.contains(tokens[start].text), !isUse(start, in: tokens) else { return nil }
            guard let open = bodyStart(from: start, in: tokens) else { return nil }
            guard let close = closing(open, in: tokens) else { return nil }
            let named = start + 1 < open ? tokens[start + 1].text : ""
            return SwiftFunction(
                name: tokens[start].text + " " + named,
                lines: tokens[start].line...tokens[close].line,
                body: open + 1..<close
            )
        }
    }

    /// `self.init(…)` and `.init(…)` call, they do not declare.
    private static func isUse(_ position: Int, in tokens: [SwiftToken]) -> Bool {
        position > 0 && tokens[position - 1].text == "."
    }

    /// Where the body's brace stands, or nil for a declaration without one: a requirement, a stored property.
    private static func bodyStart(from start: Int, in tokens: [SwiftToken]) -> Int? {
        var depth = 0
        for position in tokens.indices.dropFirst(start + 1) {
            let token = tokens[position].text
            switch token {
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case "{" where depth == 0: return position
            case "}" where depth == 0: return nil
            case "=" where depth == 0 && tokens[start].text == "var": return nil
            case _ where depth == 0 && tokens[start].text == "var" && tokens[position].line != tokens[start].line:
                return nil
            case _ where depth == 0 && position > start + 1 && declarations.contains(token):
                return nil
            case _: break
            }
            if depth < 0 { return nil }
        }
        return nil
    }

    private static func closing(_ open: Int, in tokens: [SwiftToken]) -> Int? {
        var depth = 0
        for position in tokens.indices.dropFirst(open) {
            if tokens[position].text == "{" { depth += 1 }
            if tokens[position].text == "}" { depth -= 1 }
            if depth == 0 { return position }
        }
        return nil
    }
}
