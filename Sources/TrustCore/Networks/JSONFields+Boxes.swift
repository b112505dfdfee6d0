package import PosternModel

// A network's content key, sealed to each of several readers.
extension JSONFields {
    /// The member `boxes`: by did, `crypto_box_seal` in base64url; none when it is absent or null.
    package func boxes(limit: Int) throws(RecordError) -> [NodeKey: [UInt8]] {
        var boxes: [NodeKey: [UInt8]] = [:]
        let members = optionalValue("boxes")?.object?.members ?? []
        guard members.count <= limit else { throw .invalid("boxes") }
        for member in members {
            guard let key = NodeKey(did: member.key), let box = member.value.string.flatMap({ Base64URL.decode($0) }),
                box.count <= NetworkLimits.box
            else { throw .invalid("boxes") }
            boxes[key] = box
        }
        return boxes
    }
}

extension JSONValue {
    /// What ``JSONFields/boxes(limit:)`` reads.
    package static func boxes(_ boxes: [NodeKey: [UInt8]]) -> JSONValue {
        var object = JSONObject()
        for (key, box) in boxes.sorted(by: { $0.key < $1.key }) { object[key.did] = .string(Base64URL.encode(box)) }
        return .object(object)
    }
}
