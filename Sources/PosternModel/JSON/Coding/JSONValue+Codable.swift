/// Any part of a document as it stands. The encoder and decoder of this module hand values over whole; the forms below
/// are for others, such as those of test frameworks.
extension JSONValue: Codable {
    package init(from decoder: any Decoder) throws {
        if let values = try? decoder.container(keyedBy: MemberKey.self) {
            var object = JSONObject()
            for key in values.allKeys { object[key.stringValue] = try values.decode(JSONValue.self, forKey: key) }
            self = .object(object)
        } else if let elements = try? [JSONValue](from: decoder) {
            self = .array(elements)
        } else {
            self = try Self.leaf(of: decoder.singleValueContainer())
        }
    }

    private static func leaf(of container: any SingleValueDecodingContainer) throws -> JSONValue {
        if container.decodeNil() { return .null }
        if let value = try? container.decode(Bool.self) { return .bool(value) }
        if let value = try? container.decode(Int64.self) { return .integer(value) }
        if let value = try? container.decode(Double.self) { return .double(value) }
        return .string(try container.decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let value): try value.encode(to: encoder)
        case .integer(let value): try value.encode(to: encoder)
        case .double(let value): try value.encode(to: encoder)
        case .string(let value): try value.encode(to: encoder)
        case .array(let elements): try elements.encode(to: encoder)
        case .object(let object):
            var container = encoder.container(keyedBy: MemberKey.self)
            for member in object.members { try container.encode(member.value, forKey: MemberKey(member.key)) }
        }
    }
}

/// The name of a member, whatever it is.
private struct MemberKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}
