import PosternModel

/// One JSON-RPC message between HTTP and a program, of which only what the bridge goes by is read. Every other byte is
/// passed on as it came.
struct BridgeMessage {
    /// What is wrong with a text that is no such message.
    enum Fault: Error, Hashable {
        /// It is not JSON.
        case syntax
        /// It is none or more than one JSON-RPC message, or two parsers could take it for different ones.
        case notAMessage
    }

    /// The members that the bridge reads, by the names that lead to them.
    enum Member: String {
        case id
        case method
        case result
        case error
        case errorCode = "error.code"
        /// Of a request: under which name its caller wants to hear of progress.
        case wantedProgress = "params._meta.progressToken"
        /// Of a notification: whose progress it tells.
        case toldProgress = "params.progressToken"
        case version = "params._meta.io.modelcontextprotocol/protocolVersion"
        /// Of a notification: to which `subscriptions/listen` it belongs, by the id of that request.
        case subscription = "params._meta.io.modelcontextprotocol/subscriptionId"
        case resultSubscription = "result._meta.io.modelcontextprotocol/subscriptionId"
        case name = "params.name"
        case uri = "params.uri"
    }

    /// A value as it is written, and where.
    struct Value {
        let range: Range<Int>
        /// The decoded text of a string, or a number or word as it is written; nil for an array or object.
        let text: String?
        let isString: Bool
    }

    /// On one line.
    private(set) var text: [UInt8]
    private var values: [Member: Value] = [:]

    /// Reads `text`, which has to be one JSON object.
    init(_ text: [UInt8]) throws(Fault) {
        // RFC 8259 §7: in a string they are escaped, so these are white space.
        self.text = text.map { $0 == ASCII.lineFeed || $0 == ASCII.carriageReturn ? ASCII.space : $0 }
        do throws(JSONTokenizer.Fault) {
            try read()
        } catch {
            throw error == .tooDeep ? .notAMessage : .syntax
        }
        guard values[.method] != nil || values[.result] != nil || values[.error] != nil else { throw .notAMessage }
    }

    private mutating func read() throws(JSONTokenizer.Fault) {
        var tokens = JSONTokenizer(textLimit: 16_384)
        var position = 0
        var path: [String?] = []
        var seen: Set<String> = []
        while let token = try tokens.next(text.span, &position) {
            switch token {
            case .beginObject, .beginArray:
                if path.isEmpty, token == .beginArray { throw .tooDeep }
                note(path, position - 1..<position, nil, isString: false)
                path.append(nil)
            case .endObject, .endArray: path.removeLast()
            case .key:
                let name = String(decoding: tokens.text, as: UTF8.self)
                if path.count == 1, !seen.insert(name).inserted { throw .tooDeep }
                path[path.count - 1] = name
            case .string:
                note(path, tokens.textStart..<position, tokens.isTextWhole ? tokens.text : nil, isString: true)
            case .scalar: note(path, position - tokens.text.count..<position, tokens.text, isString: false)
            }
        }
        guard tokens.isComplete else { throw .syntax }
    }

    private mutating func note(_ path: [String?], _ range: Range<Int>, _ text: [UInt8]?, isString: Bool) {
        guard !path.isEmpty, path.count <= 3, !path.contains(nil) else { return }
        guard let member = Member(rawValue: path.compactMap(\.self).joined(separator: ".")) else { return }
        values[member] = Value(range: range, text: text.map { String(decoding: $0, as: UTF8.self) }, isString: isString)
    }

    subscript(member: Member) -> Value? { values[member] }

    var method: String? { values[.method]?.text }
    var isRequest: Bool { method != nil && id != nil }
    var isResponse: Bool { method == nil }
    /// What a tool, prompt or resource is called that is asked for.
    var name: String? { values[.name]?.text ?? values[.uri]?.text }
    /// The code of the error that a response brings.
    var errorCode: Int? { values[.errorCode]?.text.flatMap { Int($0) } }

    /// Who is answered; nil for a notification.
    var id: BridgeKey? { key(.id) }

    /// A number or text that stands for a request or its progress.
    func key(_ member: Member) -> BridgeKey? {
        guard let value = values[member], let text = value.text, value.isString || text != "null" else { return nil }
        return BridgeKey(isString: value.isString, text: text)
    }

    /// The text with other values for some members.
    func replacing(_ replacements: [(member: Member, value: BridgeKey)]) -> [UInt8] {
        var result: [UInt8] = []
        var copied = 0
        let known = replacements.compactMap { replacement in
            values[replacement.member].map { (range: $0.range, value: replacement.value) }
        }
        for (range, value) in known.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            result += text[copied..<range.lowerBound]
            result += value.json
            copied = range.upperBound
        }
        return result + text[copied...]
    }
}

/// The id of a request or a token of progress: JSON-RPC lets it be a number or a string, and they are different.
struct BridgeKey: Hashable, Sendable {
    let isString: Bool
    let text: String

    init(isString: Bool, text: String) {
        self.isString = isString
        self.text = text
    }

    init(_ number: Int) {
        isString = false
        text = String(number)
    }

    /// As it is written in JSON.
    var json: [UInt8] { isString ? JSONValue.string(text).compactBytes : Array(text.utf8) }
}
