/// Which foreign web pages, extensions and desktop shells may call a reached service.
package struct OriginRules: Sendable {
    private struct Rule {
        let text: [UInt8]
        /// Whether `text` is what an origin begins with.
        let isPrefix: Bool
    }

    private let rules: [Rule]

    /// Rules that are origins as browsers write them (RFC 6454 §6.2), such as `https://app.example`,
    /// `vscode-webview://*` and `null`; an asterisk at the end stands for anything.
    package init(_ texts: [String] = []) {
        rules = texts.map { text in
            let isPrefix = text.hasSuffix("*")
            return Rule(text: Array((isPrefix ? text.dropLast() : text[...]).lowercased().utf8), isPrefix: isPrefix)
        }
    }

    /// Whether the origin in `range` is allowed.
    func allow(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        rules.contains { rule in
            guard rule.isPrefix else { return bytes.matches(range, rule.text) }
            guard range.count > rule.text.count else { return false }
            return bytes.matches(range.lowerBound..<range.lowerBound + rule.text.count, rule.text)
        }
    }
}
