import PosternModel

/// Reads what the JSON-RPC messages in a body ask for while the body comes: their methods, ids and names.
struct CallReader {
    /// One message.
    struct Call: Equatable {
        /// Nil in a response.
        var method: String?
        /// As it is written in JSON, an omitted one as nil.
        var id: String?
        /// `params.name`: which tool, prompt or the like is meant.
        var name: String?
        /// It has a result or an error.
        var isResponse = false
    }

    /// Why two readers could take a body for different calls, or one of them not at all.
    enum Fault: Error, Equatable {
        /// It is not JSON as RFC 8259 has it.
        case malformed(JSONTokenizer.Fault)
        /// A member comes twice.
        case duplicate(String)
        /// A member is another one to readers that ignore case.
        case ambiguous(String)
        /// A member has a value of the wrong type.
        case type(String)
        /// It is neither a message nor a list of messages, or too many.
        case notACall
        /// A method, an id or a name that is longer than any real one.
        case tooLong
    }

    /// Messages of one batch.
    static let batchLimit = 256
    /// Members of one object that are told apart.
    private static let memberLimit = 256

    private var tokens = JSONTokenizer()
    private(set) var calls: [Call] = []
    private(set) var fault: Fault?
    /// Whether the messages stand in a list.
    private(set) var isBatch = false
    private var hasBegun = false
    /// The members that came so far in the message, and in its `params`.
    private var members: Set<[UInt8]> = []
    private var parameters: Set<[UInt8]> = []
    private var member: String?
    private var parameter: String?
    private var isInParameters = false

    /// The method of the only message; nil while it is unknown.
    var method: String? { calls.count == 1 && !isBatch && fault == nil ? calls[0].method : nil }

    /// Whether the body is whole and without a fault.
    var isComplete: Bool { fault == nil && tokens.isComplete }

    /// Reads the next part of the body.
    mutating func read(_ content: Span<UInt8>) {
        guard fault == nil else { return }
        var position = 0
        do throws(JSONTokenizer.Fault) {
            while let token = try tokens.next(content, &position) {
                do throws(Fault) {
                    try take(token)
                } catch {
                    fault = error
                    return
                }
            }
        } catch {
            fault = .malformed(error)
        }
    }

    private var messageDepth: Int { isBatch ? 2 : 1 }

    private mutating func take(_ token: JSONTokenizer.Token) throws(Fault) {
        if !hasBegun {
            hasBegun = true
            isBatch = token == .beginArray
            if isBatch { return }
        }
        switch token {
        case .beginObject:
            if tokens.depth == messageDepth { return try beginMessage() }
            try beginValue(isObject: true)
        case .beginArray: try beginValue(isObject: false)
        case .key: try takeKey()
        case .string, .scalar: try takeValue(isString: token == .string)
        case .endObject, .endArray: if tokens.depth == messageDepth { isInParameters = false }
        }
    }

    private mutating func beginMessage() throws(Fault) {
        guard calls.count < Self.batchLimit else { throw .notACall }
        calls.append(Call())
        members.removeAll(keepingCapacity: true)
        isInParameters = false
    }

    /// An array or object begins inside a message, or where a message has to stand.
    private mutating func beginValue(isObject: Bool) throws(Fault) {
        guard tokens.depth > messageDepth else { throw .notACall }
        if tokens.depth == messageDepth + 1 {
            if let member, member != "params" { if Self.scalars.contains(member) { throw .type(member) } }
            isInParameters = member == "params" && isObject
            if isInParameters { parameters.removeAll(keepingCapacity: true) }
        } else if tokens.depth == messageDepth + 2, isInParameters, parameter == "name" {
            throw .type("params.name")
        }
    }

    private static let scalars: Set<String> = ["method", "id", "jsonrpc"]
    private static let known: Set<String> = ["method", "params", "id", "jsonrpc"]

    private mutating func takeKey() throws(Fault) {
        if tokens.depth == messageDepth {
            member = try key(among: &members, known: Self.known)
            let isOutcome = tokens.text.elementsEqual("result".utf8) || tokens.text.elementsEqual("error".utf8)
            if isOutcome { calls[calls.count - 1].isResponse = true }
        } else if tokens.depth == messageDepth + 1, isInParameters {
            parameter = try key(among: &parameters, known: ["name"])
        }
    }

    /// The key that was read, if it is one of `known`.
    private func key(among seen: inout Set<[UInt8]>, known: Set<String>) throws(Fault) -> String? {
        let key = String(decoding: tokens.text, as: UTF8.self)
        guard tokens.isTextWhole, seen.count < Self.memberLimit else { throw .tooLong }
        guard seen.insert(tokens.text).inserted else { throw .duplicate(key) }
        if known.contains(key) { return key }
        let folded = Self.folded(key)
        if known.contains(folded) { throw .ambiguous(folded) }
        return nil
    }

    /// `key` as a reader sees it that ignores case, and takes the long s and the Kelvin sign for letters.
    private static func folded(_ key: String) -> String {
        var result = ""
        for scalar in key.unicodeScalars {
            switch scalar.value {
            case 0x17f: result += "s"
            case 0x212a: result += "k"
            case _: result += scalar.properties.lowercaseMapping
            }
        }
        return result
    }

    private mutating func takeValue(isString: Bool) throws(Fault) {
        guard !calls.isEmpty, tokens.depth >= messageDepth else { throw .notACall }
        let last = calls.count - 1
        if tokens.depth == messageDepth {
            switch member {
            case "method":
                guard isString else { throw .type("method") }
                calls[last].method = try text()
            case "id": calls[last].id = isString ? Self.quoted(try text()) : try text()
            case _: break
            }
        } else if tokens.depth == messageDepth + 1, isInParameters, parameter == "name" {
            guard isString else { throw .type("params.name") }
            calls[last].name = try text()
        }
    }

    private func text() throws(Fault) -> String {
        guard tokens.isTextWhole else { throw .tooLong }
        return String(decoding: tokens.text, as: UTF8.self)
    }

    private static func quoted(_ text: String) -> String { JSONValue.string(text).compactText }
}
