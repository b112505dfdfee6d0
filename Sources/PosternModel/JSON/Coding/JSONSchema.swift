/// The JSON Schema (draft 2020-12) of `Decodable` types, found by letting a type read itself from a decoder that notes
/// what it asks for.
package enum JSONSchema {
    /// The schema of `type`.
    package static func schema<Value: Decodable>(of type: Value.Type) -> JSONValue {
        do { return try Probe().sample(type).schema } catch {
            preconditionFailure("\(type) cannot be described: \(error)")
        }
    }
}

/// A type whose schema is not that of the properties it reads.
package protocol SchemaProviding {
    static var schema: JSONValue { get }
    /// Any value of the type.
    static var sample: Self { get }
}

extension JSONValue: SchemaProviding {
    package static var schema: JSONValue { [:] }
    package static var sample: JSONValue { .null }
}

/// What was asked of the decoder.
private final class Notes {
    var type: String?
    var format: [(String, JSONValue)] = []
    var properties = JSONObject()
    var required: [JSONValue] = []
    var items: JSONValue?

    var schema: JSONValue {
        var object = JSONObject()
        if let type { object["type"] = .string(type) }
        for (key, value) in format { object[key] = value }
        if type == "object" {
            object["properties"] = .object(properties)
            if !required.isEmpty { object["required"] = .array(required) }
        }
        if let items { object["items"] = items }
        return .object(object)
    }
}

private struct Probe: Decoder {
    let notes = Notes()
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    /// A value of `type`, and what it looks like.
    func sample<Value: Decodable>(_ type: Value.Type) throws -> (value: Value, schema: JSONValue) {
        if let provider = type as? any SchemaProviding.Type, let value = provider.sample as? Value {
            return (value, provider.schema)
        }
        if let text = type as? any TextRepresentable.Type, let value = try text.init(text: text.textExample) as? Value {
            let schema: JSONValue = [
                "type": "string", "description": .string(text.textMeaning), "examples": [.string(text.textExample)],
            ]
            return (value, schema)
        }
        if let words = type as? any WordList.Type, let value = words.firstWord as? Value {
            return (value, ["type": "string", "enum": .array(words.allWords.map { .string($0) })])
        }
        let probe = Probe()
        let value = try Value(from: probe)
        return (value, probe.notes.schema)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        notes.type = "object"
        return KeyedDecodingContainer(ObjectProbe(probe: self))
    }

    func unkeyedContainer() -> any UnkeyedDecodingContainer {
        notes.type = "array"
        return ArrayProbe(probe: self)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { ValueProbe(probe: self) }
}

/// An enumeration whose cases are words.
package protocol WordList: RawRepresentable, CaseIterable where RawValue == String {}

extension WordList {
    static var firstWord: Self? { allCases.first }
    static var allWords: [String] { allCases.map(\.rawValue) }
}

extension ServiceKind: WordList {}

private struct ObjectProbe<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let probe: Probe
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) -> Bool { false }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        let sample = try probe.sample(type)
        probe.notes.properties[key.stringValue] = sample.schema
        probe.notes.required.append(.string(key.stringValue))
        return sample.value
    }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        probe.notes.properties[key.stringValue] = ["anyOf": [try probe.sample(type).schema, ["type": "null"]]]
        return nil
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try optional(type, key) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try optional(type, key) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try optional(type, key) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try optional(type, key) }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try optional(type, key) }
    func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? { try optional(type, key) }
    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? { try optional(type, key) }

    private func optional<Value: Decodable>(_ type: Value.Type, _ key: Key) throws -> Value? {
        probe.notes.properties[key.stringValue] = ["anyOf": [try probe.sample(type).schema, ["type": "null"]]]
        return nil
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedDecodingContainer<Nested> {
        Probe().container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedDecodingContainer { Probe().unkeyedContainer() }
    func superDecoder() -> any Decoder { probe }
    func superDecoder(forKey key: Key) -> any Decoder { Probe() }
}

private struct ArrayProbe: UnkeyedDecodingContainer {
    let probe: Probe
    var codingPath: [any CodingKey] { [] }
    let count: Int? = 1
    private(set) var currentIndex = 0

    init(probe: Probe) { self.probe = probe }

    var isAtEnd: Bool { currentIndex > 0 }

    mutating func decodeNil() -> Bool { false }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        currentIndex += 1
        let sample = try probe.sample(type)
        probe.notes.items = sample.schema
        return sample.value
    }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        Probe().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedDecodingContainer { Probe().unkeyedContainer() }
    mutating func superDecoder() -> any Decoder { probe }
}

private struct ValueProbe: SingleValueDecodingContainer {
    let probe: Probe
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { false }
    func decode(_ type: Bool.Type) -> Bool { noted("boolean", false) }
    func decode(_ type: String.Type) -> String { noted("string", "") }
    func decode(_ type: Double.Type) -> Double { noted("number", 0) }
    func decode(_ type: Float.Type) -> Float { noted("number", 0) }
    func decode(_ type: Int.Type) -> Int { noted("integer", 0) }
    func decode(_ type: Int8.Type) -> Int8 { noted("integer", 0) }
    func decode(_ type: Int16.Type) -> Int16 { noted("integer", 0) }
    func decode(_ type: Int32.Type) -> Int32 { noted("integer", 0) }
    func decode(_ type: Int64.Type) -> Int64 { noted("integer", 0) }
    func decode(_ type: UInt.Type) -> UInt { bounded(.max, 0) }
    func decode(_ type: UInt8.Type) -> UInt8 { bounded(UInt64(UInt8.max), 0) }
    func decode(_ type: UInt16.Type) -> UInt16 { bounded(UInt64(UInt16.max), 0) }
    func decode(_ type: UInt32.Type) -> UInt32 { bounded(UInt64(UInt32.max), 0) }
    func decode(_ type: UInt64.Type) -> UInt64 { bounded(.max, 0) }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let sample = try probe.sample(type)
        for member in sample.schema.object?.members ?? [] { probe.notes.format.append((member.key, member.value)) }
        return sample.value
    }

    private func noted<Value>(_ name: String, _ value: Value) -> Value {
        probe.notes.type = name
        return value
    }

    private func bounded<Value>(_ maximum: UInt64, _ value: Value) -> Value {
        probe.notes.format.append(("minimum", 0))
        if maximum <= UInt64(Int64.max) { probe.notes.format.append(("maximum", .integer(Int64(maximum)))) }
        return noted("integer", value)
    }
}
