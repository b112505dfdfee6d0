/// A JSON document or a part of one (RFC 8259).
///
/// Equality is that of the Swift values, so strings are equal when they are canonically equivalent; where each code
/// point counts, as for signatures, compare ``canonicalBytes``.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// A number written without fraction and exponent that 64 bits hold.
    case integer(Int64)
    /// Any other number; finite.
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Whether every number in it is a whole one, written without exponent or fraction, that a double holds exactly: of
    /// such numbers no two spellings have the same canonical form.
    package var hasPlainNumbers: Bool {
        switch self {
        case .null, .bool, .string: true
        case .integer(let value): abs(Double(value)) <= JSONNumber.exactLimit
        case .double: false
        case .array(let values): values.allSatisfy(\.hasPlainNumbers)
        case .object(let object): object.members.allSatisfy { $0.value.hasPlainNumbers }
        }
    }
}

extension JSONValue {
    /// The boolean, or nil when this is none.
    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The integer, also one written like `1e3` if it is below 2^53, or nil when this is none.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .double(let value): abs(value) <= JSONNumber.exactLimit ? Int64(exactly: value) : nil
        case .null, .bool, .string, .array, .object: nil
        }
    }

    /// The number, rounded when it is an integer beyond 2^53, or nil when this is none.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        case .null, .bool, .string, .array, .object: nil
        }
    }

    /// The text, or nil when this is none.
    package var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The elements, or nil when this is no array.
    package var array: [JSONValue]? {
        guard case .array(let value) = self else { return nil }
        return value
    }

    /// The object, or nil when this is none.
    package var object: JSONObject? {
        guard case .object(let value) = self else { return nil }
        return value
    }

    /// The member of this object named `key`, or nil when there is none or this is no object.
    package subscript(_ key: String) -> JSONValue? { object?[key] }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// An object with these members in this order; a key that comes twice is a bug of ours and traps.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements {
            precondition(object[key] == nil, "a literal object names each key once")
            object[key] = value
        }
        self = .object(object)
    }
}
