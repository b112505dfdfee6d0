extension JSONValue {
    /// An array of the texts of `elements`.
    package static func texts(_ elements: some Sequence<some CustomStringConvertible>) -> JSONValue {
        .array(elements.map { .string($0.description) })
    }

    /// The RFC 3339 text of `time`, or null.
    package static func time(_ time: Timestamp?) -> JSONValue {
        time.map { .string($0.description) } ?? .null
    }
}
