import PosternModel

/// Replaces strings in a JSON text that passes, and leaves every other byte of it alone. What is no JSON passes as it
/// comes, from there on.
final class JSONStringStream: StreamEditor {
    private let names: Set<String>
    private let replacement: (JSONMember) -> String?
    private var tokens = JSONTokenizer(textLimit: JSONMembers.textLimit)
    private var path = JSONPath()
    /// A string that may be replaced, as far as it has come.
    private var held: [UInt8] = []
    private var isJSON = true

    /// Asks for another text of each string whose member has one of `names`; nil leaves it.
    init(named names: Set<String>, _ replacement: @escaping (JSONMember) -> String?) {
        self.names = names
        self.replacement = replacement
    }

    func edit(_ content: Span<UInt8>, into output: inout [UInt8]) {
        var (position, copied) = (0, 0)
        do throws(JSONTokenizer.Fault) {
            while isJSON, let token = try tokens.next(content, &position) {
                path.take(token, tokens)
                guard token == .string else { continue }
                guard isWanted else {
                    finish(into: &output)
                    continue
                }
                let start = held.isEmpty ? tokens.textStart : 0
                let text = String(decoding: tokens.text, as: UTF8.self)
                if let new = replacement(JSONMember(path: path.names, text: text, range: start..<position)) {
                    output.append(contentsOf: content, copied..<start)
                    output.append(contentsOf: JSONValue.string(new).compactBytes)
                    copied = position
                } else {
                    output.append(contentsOf: held)
                }
                held.removeAll()
            }
        } catch {
            isJSON = false
        }
        if isJSON, tokens.isInValue, isWanted {
            let start = held.isEmpty ? tokens.textStart : 0
            output.append(contentsOf: content, copied..<start)
            held.append(contentsOf: content, start..<content.count)
        } else {
            finish(into: &output)
            output.append(contentsOf: content, copied..<content.count)
        }
    }

    func finish(into output: inout [UInt8]) {
        output.append(contentsOf: held)
        held.removeAll()
    }

    /// Whether the string that was read last, or is being read, may be replaced.
    private var isWanted: Bool { tokens.isTextWhole && path.name.map(names.contains) ?? false }
}
