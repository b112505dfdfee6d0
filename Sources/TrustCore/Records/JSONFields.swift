package import OverlayCrypto
package import OverlayWire
package import PosternModel

/// Typed reading of the members of a record; each failure names the member.
package struct JSONFields {
    private let object: JSONObject

    /// The members of `value`; throws `malformed` when it is no object.
    package init(_ value: JSONValue) throws(RecordError) {
        guard let object = value.object else { throw .malformed }
        self.object = object
    }

    /// The member, whatever it is.
    package func value(_ name: String) throws(RecordError) -> JSONValue {
        guard let value = object[name] else { throw .missing(name) }
        return value
    }

    /// The member, or nil when it is missing or null.
    package func optionalValue(_ name: String) -> JSONValue? { has(name) ? object[name] : nil }

    /// Whether the member is there and not null.
    package func has(_ name: String) -> Bool {
        guard let value = object[name] else { return false }
        return value != .null
    }

    /// Text of at most `limit` UTF-8 bytes.
    package func text(_ name: String, limit: Int = 4_096) throws(RecordError) -> String {
        guard let text = try value(name).string, text.utf8.count <= limit else { throw .invalid(name) }
        return text
    }

    /// A whole number.
    package func integer(_ name: String) throws(RecordError) -> Int64 {
        guard let integer = try value(name).integer else { throw .invalid(name) }
        return integer
    }

    /// A boolean.
    package func bool(_ name: String) throws(RecordError) -> Bool {
        guard let bool = try value(name).bool else { throw .invalid(name) }
        return bool
    }

    /// A key by its did.
    package func key(_ name: String) throws(RecordError) -> NodeKey {
        guard let key = NodeKey(did: try text(name, limit: 128)) else { throw .invalid(name) }
        return key
    }

    /// A time in RFC 3339.
    package func time(_ name: String) throws(RecordError) -> Timestamp {
        guard let time = Timestamp(try text(name, limit: 30)) else { throw .invalid(name) }
        return time
    }

    /// A time in RFC 3339, or nil when the member is missing or null.
    package func optionalTime(_ name: String) throws(RecordError) -> Timestamp? {
        has(name) ? try time(name) : nil
    }

    /// Base64url of at most `limit` bytes, or of exactly `exactly`.
    package func bytes(_ name: String, limit: Int = 32_768, exactly: Int? = nil) throws(RecordError) -> [UInt8] {
        guard let bytes = Base64URL.decode(try text(name, limit: (limit * 4 + 2) / 3)) else { throw .invalid(name) }
        guard bytes.count <= limit, exactly.map({ $0 == bytes.count }) ?? true else { throw .invalid(name) }
        return bytes
    }

    /// A secret of 32 bytes in base64url.
    package func preSharedKey(_ name: String) throws(RecordError) -> PreSharedKey {
        guard let secret = PreSharedKey(bytes: try bytes(name, exactly: PreSharedKey.byteCount)) else {
            throw .invalid(name)
        }
        return secret
    }

    /// An array of at most `limit` elements, each read by `read`; a missing member is an empty array.
    package func list<Element>(
        _ name: String,
        limit: Int,
        _ read: (JSONValue) -> Element?
    ) throws(RecordError) -> [Element] {
        guard has(name) else { return [] }
        guard let values = object[name]?.array, values.count <= limit else { throw .invalid(name) }
        var elements: [Element] = []
        for value in values {
            guard let element = read(value) else { throw .invalid(name) }
            elements.append(element)
        }
        return elements
    }

    /// A set of services.
    package func services(_ name: String = "services") throws(RecordError) -> ServiceSet {
        guard let services = ServiceSet(json: try value(name)) else { throw .invalid(name) }
        return services
    }

    /// The name of a record.
    package func recordID(_ name: String) throws(RecordError) -> RecordID {
        guard let id = RecordID(try text(name, limit: 64)) else { throw .invalid(name) }
        return id
    }

    /// URLs of hubs, as many as a record may hold.
    package func hubs(_ name: String = "hubs") throws(RecordError) -> [HubURL] {
        try list(name, limit: RecordLimits.hubs) { value in value.string.flatMap { try? HubURL($0) } }
    }

    /// UDP addresses, as many as a record may hold.
    package func endpoints(_ name: String = "candidates") throws(RecordError) -> [Endpoint] {
        try list(name, limit: RecordLimits.candidates) { value in value.string.flatMap { Endpoint($0) } }
    }
}

/// What a record may hold at most. These are rules of the format: a larger record is invalid everywhere.
package enum RecordLimits {
    /// Hubs in one record.
    package static let hubs = 8
    /// Candidate addresses in one record.
    package static let candidates = 16
    /// Services named in one grant.
    package static let services = 64
    /// UTF-8 bytes of a name, as DNS bounds a label (RFC 1035 §2.3.4).
    package static let name = 63
    /// UTF-8 bytes of the text that goes with a request.
    package static let note = 1_000
    /// Bytes of one sealed record.
    package static let sealed = 16_384
}
