/// Where the parts of a list in brackets stand in a text, such as `[{a: 1}, b]`.
struct FlowList {
    /// Offsets of the elements in the text, without the white space around them.
    private(set) var elements: [Range<Int>] = []
    /// The offsets of the commas between the elements, and of one behind the last.
    private(set) var commas: [Int] = []
    /// The offset of the closing bracket.
    private(set) var end = 0

    /// Reads the list that begins at `start`; nil when no list ends there.
    init?(in text: [Unicode.Scalar], at start: Int) {
        guard start < text.count, text[start] == "[" else { return nil }
        var position = start + 1
        var depth = 1
        var element: Range<Int>?
        // A quote opens a quoted scalar only where a scalar begins.
        var mayQuote = true
        while position < text.count {
            let scalar = text[position]
            var next = position + 1
            switch scalar {
            case " ", "\t", "\r", "\n":
                position = next
                continue
            case "#" where Self.isSpace(text[position - 1]):
                while next < text.count, text[next] != "\n" { next += 1 }
                position = next
                continue
            case "\"" where mayQuote, "'" where mayQuote:
                next = Self.endOfQuoted(text, from: position)
                mayQuote = false
            case "[", "{":
                depth += 1
                mayQuote = true
            case "]", "}":
                depth -= 1
                mayQuote = false
            case ",", ":":
                mayQuote = true
            case _:
                mayQuote = false
            }
            if depth == 0 {
                if let element { elements.append(element) }
                end = position
                return
            }
            if depth == 1, scalar == "," {
                if let found = element { elements.append(found) }
                element = nil
                commas.append(position)
            } else {
                element = (element?.lowerBound ?? position)..<next
            }
            position = next
        }
        return nil
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r"
    }

    /// Behind the quoted scalar that begins at `start`.
    private static func endOfQuoted(_ text: [Unicode.Scalar], from start: Int) -> Int {
        let quote = text[start]
        var position = start + 1
        while position < text.count {
            if text[position] == "\\", quote == "\"" {
                position += 2
            } else if text[position] == quote {
                // Two single quotes are one inside of the text (YAML 1.2 §7.3.2).
                guard quote == "'", position + 1 < text.count, text[position + 1] == quote else { return position + 1 }
                position += 2
            } else {
                position += 1
            }
        }
        return text.count
    }
}
