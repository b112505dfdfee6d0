import PosternModel

/// A member of a JSON document whose value is a string.
struct JSONMember: Equatable {
    /// The names that lead to it from the outermost object, its own last. Places in arrays are left out.
    let path: [String]
    let text: String
    /// Where the value stands, its quotation marks included.
    let range: Range<Int>
}

/// Finds and replaces strings in a JSON text and leaves every other byte of it alone.
enum JSONMembers {
    /// Bytes of a string that is looked at.
    static let textLimit = 8192

    /// The members in `content` that have one of `names` and a string; nil when it is not JSON.
    static func strings(named names: Set<String>, in content: [UInt8]) -> [JSONMember]? {
        var tokens = JSONTokenizer(textLimit: textLimit)
        var members: [JSONMember] = []
        var path = JSONPath()
        var position = 0
        do throws(JSONTokenizer.Fault) {
            while let token = try tokens.next(content.span, &position) {
                path.take(token, tokens)
                guard token == .string, let name = path.name, names.contains(name), tokens.isTextWhole else { continue }
                members.append(
                    JSONMember(
                        path: path.names,
                        text: String(decoding: tokens.text, as: UTF8.self),
                        range: tokens.textStart..<position
                    )
                )
            }
        } catch {
            return nil
        }
        return tokens.isComplete ? members : nil
    }

    /// `content` with other strings for some `members`, which come in their order; nil when none gets another.
    static func replace(
        _ members: [JSONMember],
        in content: [UInt8],
        by replacement: (JSONMember) -> String?
    ) -> [UInt8]? {
        var result: [UInt8] = []
        var copied = 0
        for member in members {
            guard let text = replacement(member) else { continue }
            result += content[copied..<member.range.lowerBound]
            result += JSONValue.string(text).compactBytes
            copied = member.range.upperBound
        }
        return copied == 0 ? nil : result + content[copied...]
    }
}

/// The names that lead to where a text is being read.
struct JSONPath {
    /// A place for each open object and array; nil in an array and before an object's first member.
    private var places: [String?] = []

    /// The name of the member whose value is read; nil in an array.
    var name: String? { places.last ?? nil }

    /// The names from the outermost object on. Places in arrays are left out.
    var names: [String] { places.compactMap(\.self) }

    mutating func take(_ token: JSONTokenizer.Token, _ tokens: JSONTokenizer) {
        switch token {
        case .beginObject, .beginArray: places.append(nil)
        case .endObject, .endArray: places.removeLast()
        case .key: places[places.count - 1] = String(decoding: tokens.text, as: UTF8.self)
        case .string, .scalar: break
        }
    }
}
