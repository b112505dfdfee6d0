package import PosternModel

extension Service {
    /// The form in which sidecars list services to each other, and to programs (INTERFACE `services`).
    package var document: JSONValue {
        [
            "service": .string(name.description), "port": .integer(Int64(port.rawValue)),
            "kind": .string(kind.rawValue),
        ]
    }

    /// The service in `document`; nil when it is none, or of a kind that this version does not know.
    package init?(_ document: JSONValue) {
        guard let name = document["service"]?.string.flatMap({ ServiceName($0) }),
            let port = document["port"]?.integer.flatMap({ UInt16(exactly: $0) }), port > 0,
            let kind = document["kind"]?.string.flatMap({ ServiceKind(rawValue: $0) })
        else { return nil }
        self.init(name: name, port: VirtualPort(port), kind: kind)
    }
}
