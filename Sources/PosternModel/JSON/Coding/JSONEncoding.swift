/// `Encodable` values as JSON documents. A property that is nil is written as `null`, so that a document always has
/// the same members.
extension JSONValue {
    /// The document of `value`.
    package init(encoding value: some Encodable) {
        let root = Node()
        do {
            try TreeEncoder(node: root, codingPath: []).write(value)
        } catch {
            // Containers below never throw, and documents are made of what JSON can hold.
            preconditionFailure("a document cannot be written: \(error)")
        }
        self = root.json
    }
}

/// A value under construction.
private final class Node {
    private enum Content {
        case value(JSONValue)
        case object([(key: String, node: Node)])
        case array([Node])
    }

    private var content = Content.value(.null)

    var json: JSONValue {
        switch content {
        case .value(let value): return value
        case .array(let nodes): return .array(nodes.map(\.json))
        case .object(let members):
            var object = JSONObject()
            for (key, node) in members { object[key] = node.json }
            return .object(object)
        }
    }

    func set(_ value: JSONValue) { content = .value(value) }

    func beginObject() {
        guard case .object = content else {
            content = .object([])
            return
        }
    }

    func beginArray() {
        guard case .array = content else {
            content = .array([])
            return
        }
    }

    func member(_ key: String) -> Node {
        let node = Node()
        guard case .object(let members) = content else { preconditionFailure("a member belongs to an object") }
        content = .object(members + [(key, node)])
        return node
    }

    func element() -> Node {
        let node = Node()
        guard case .array(let nodes) = content else { preconditionFailure("an element belongs to an array") }
        content = .array(nodes + [node])
        return node
    }

    var count: Int {
        guard case .array(let nodes) = content else { return 0 }
        return nodes.count
    }
}

private struct TreeEncoder: Encoder {
    let node: Node
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func write(_ value: some Encodable) throws {
        if let value = value as? JSONValue { return node.set(value) }
        try value.encode(to: self)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.beginObject()
        return KeyedEncodingContainer(ObjectContainer(node: node, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.beginArray()
        return ArrayContainer(node: node, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { ValueContainer(encoder: self) }
}

private struct ObjectContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: Node
    let codingPath: [any CodingKey]

    private func encoder(_ key: any CodingKey) -> TreeEncoder {
        TreeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
    }

    func encodeNil(forKey key: Key) { node.member(key.stringValue).set(.null) }
    func encode(_ value: some Encodable, forKey key: Key) throws { try encoder(key).write(value) }

    // The standard containers leave out what is nil.
    func encodeIfPresent<Value: Encodable>(_ value: Value?, forKey key: Key) throws {
        guard let value else { return encodeNil(forKey: key) }
        try encode(value, forKey: key)
    }

    func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try present(value, key) }
    func encodeIfPresent(_ value: String?, forKey key: Key) throws { try present(value, key) }
    func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try present(value, key) }
    func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try present(value, key) }
    func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try present(value, key) }
    func encodeIfPresent(_ value: UInt16?, forKey key: Key) throws { try present(value, key) }
    func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try present(value, key) }

    private func present(_ value: (some Encodable)?, _ key: Key) throws {
        guard let value else { return encodeNil(forKey: key) }
        try encode(value, forKey: key)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        encoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { encoder(key).unkeyedContainer() }
    func superEncoder() -> any Encoder { TreeEncoder(node: node, codingPath: codingPath) }
    func superEncoder(forKey key: Key) -> any Encoder { encoder(key) }
}

private struct ArrayContainer: UnkeyedEncodingContainer {
    let node: Node
    let codingPath: [any CodingKey]

    var count: Int { node.count }

    private func encoder() -> TreeEncoder { TreeEncoder(node: node.element(), codingPath: codingPath) }

    func encodeNil() { node.element().set(.null) }
    func encode(_ value: some Encodable) throws { try encoder().write(value) }

    func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        encoder().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder().unkeyedContainer() }
    func superEncoder() -> any Encoder { encoder() }
}

private struct ValueContainer: SingleValueEncodingContainer {
    let encoder: TreeEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }

    func encodeNil() { encoder.node.set(.null) }
    func encode(_ value: Bool) { encoder.node.set(.bool(value)) }
    func encode(_ value: String) { encoder.node.set(.string(value)) }
    func encode(_ value: Double) { encoder.node.set(.double(value)) }
    func encode(_ value: Float) { encoder.node.set(.double(Double(value))) }
    func encode(_ value: Int) { whole(value) }
    func encode(_ value: Int8) { whole(value) }
    func encode(_ value: Int16) { whole(value) }
    func encode(_ value: Int32) { whole(value) }
    func encode(_ value: Int64) { whole(value) }
    func encode(_ value: UInt) { whole(value) }
    func encode(_ value: UInt8) { whole(value) }
    func encode(_ value: UInt16) { whole(value) }
    func encode(_ value: UInt32) { whole(value) }
    func encode(_ value: UInt64) { whole(value) }
    func encode(_ value: some Encodable) throws { try encoder.write(value) }

    private func whole(_ value: some FixedWidthInteger) { encoder.node.set(.integer(Int64(clamping: value))) }
}
