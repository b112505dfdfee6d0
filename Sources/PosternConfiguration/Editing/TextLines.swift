/// The lines of a text, joined again without a byte lost. Carriage returns stay at the ends of their lines.
struct TextLines {
    private(set) var lines: [String]
    /// What ends a new line before its line feed.
    private let lineEnd: String

    init(_ text: String) {
        // A carriage return and a line feed are one character, so scalars are split.
        lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        lineEnd = text.unicodeScalars.contains("\r") ? "\r" : ""
    }

    var text: String { lines.joined(separator: "\n") }

    /// The number of lines, an empty one behind the last line feed included.
    var count: Int { lines.count }

    subscript(_ number: Int) -> String { lines[number] }

    /// How many spaces the line begins with.
    func indentation(of number: Int) -> Int { lines[number].unicodeScalars.prefix { $0 == " " }.count }

    /// Whether the line says nothing: it is blank or a comment.
    func isSilent(_ number: Int) -> Bool { isBlank(number) || content(of: number).first == "#" }

    /// Whether the line has nothing but white space.
    func isBlank(_ number: Int) -> Bool { content(of: number).isEmpty }

    /// Whether an element of a list begins on the line.
    func isDash(_ number: Int) -> Bool {
        let content = content(of: number)
        return content.first == "-" && (content.count == 1 || content.dropFirst().first == " ")
    }

    /// The line without the white space around it.
    private func content(of number: Int) -> Substring.UnicodeScalarView {
        let scalars = lines[number].unicodeScalars
        let isSpace: (Unicode.Scalar) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        var content = scalars.drop(while: isSpace)
        while let last = content.last, isSpace(last) { content.removeLast() }
        return content
    }

    /// Puts lines before the line `number`, which may be one behind the last.
    mutating func insert(_ new: [String], at number: Int) {
        // The last line of a text may lack its end.
        if number == lines.count, let last = lines.last, !last.isEmpty { lines[lines.count - 1] = last + lineEnd }
        lines.insert(contentsOf: new.map { $0 + lineEnd }, at: number)
        if number == lines.count - new.count { lines.append("") }
    }

    /// Takes lines away.
    mutating func remove(_ numbers: ClosedRange<Int>) { lines.removeSubrange(numbers) }

    /// Replaces `count` characters from `column` on by `text`; without anything behind them, white space before them
    /// goes as well.
    mutating func replace(_ count: Int, at column: Int, of number: Int, with text: String) {
        let scalars = lines[number].unicodeScalars
        let tail = String(scalars.dropFirst(column + count))
        var head = String(scalars.prefix(column))
        if text.isEmpty, tail.allSatisfy(\.isWhitespace) {
            while head.last?.isWhitespace == true { head.removeLast() }
        }
        lines[number] = head + text + tail
    }
}
