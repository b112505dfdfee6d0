/// `METHOD` or `METHOD:NAME`, where an asterisk stands for anything: `tools/call:delete_*`.
package struct MethodPattern: Hashable, Sendable {
    private let method: [UInt8]
    private let name: [UInt8]?

    /// The pattern in `text`; nil when a part of it is empty or not visible ASCII without `"` and `\`.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        let isVisible = text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x22 && $0 != 0x5c }
        guard isVisible, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        method = Array(parts[0])
        name = parts.count == 2 ? Array(parts[1]) : nil
    }

    /// Whether `method`, called with this name if it has one, is meant. With a name it means no call without.
    package func matches(_ method: String, name given: String?) -> Bool {
        guard Self.matches(self.method, Array(method.utf8)) else { return false }
        guard let name else { return true }
        return given.map { Self.matches(name, Array($0.utf8)) } ?? false
    }

    /// Whether it takes a name to tell if `method` is meant.
    package func asksName(of method: String) -> Bool { name != nil && Self.matches(self.method, Array(method.utf8)) }

    /// Whether calls of `method` have to have a name, so that this can tell: it is called by names in MCP, or the
    /// pattern spells it out.
    package func needsName(of method: String) -> Bool {
        asksName(of: method) && (Self.named.contains(method) || !self.method.contains(UInt8(ascii: "*")))
    }

    /// What MCP calls by `params.name`.
    private static let named: Set<String> = ["tools/call", "prompts/get"]

    /// Whether `text` is what `pattern` says. Time is the product of both lengths at most.
    private static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var (position, offset) = (0, 0)
        // Where the last asterisk stands, and what it stands for so far.
        var star: (position: Int, offset: Int)?
        while offset < text.count {
            if position < pattern.count, pattern[position] == UInt8(ascii: "*") {
                star = (position, offset)
                position += 1
            } else if position < pattern.count, pattern[position] == text[offset] {
                position += 1
                offset += 1
            } else if let last = star {
                star = (last.position, last.offset + 1)
                (position, offset) = (last.position + 1, last.offset + 1)
            } else {
                return false
            }
        }
        return pattern[position...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
