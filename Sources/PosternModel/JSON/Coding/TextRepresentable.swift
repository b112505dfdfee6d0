/// A value that documents hold as one string.
package protocol TextRepresentable: Codable, CustomStringConvertible {
    /// What the string is, for the descriptions of programs' interfaces.
    static var textMeaning: String { get }
    /// A string that has a value.
    static var textExample: String { get }

    /// The value of `text`.
    init(text: String) throws(Problem)
}

extension TextRepresentable {
    package init(from decoder: any Decoder) throws {
        try self.init(text: String(from: decoder))
    }

    package func encode(to encoder: any Encoder) throws {
        try description.encode(to: encoder)
    }
}

extension TextRepresentable where Self: LosslessStringConvertible {
    package init(text: String) throws(Problem) {
        guard let value = Self(text) else { throw .notAccepted(text, meaning: Self.textMeaning) }
        self = value
    }
}

extension Problem {
    /// `text` is not what it should be; `meaning` says what that is.
    package static func notAccepted(_ text: String, meaning: String) -> Problem {
        Problem(
            code: "bad-arguments",
            message: "\"\(PlainText.clean(text, limit: 200))\" is not \(meaning)",
            hint: "write \(meaning)"
        )
    }
}

extension NodeKey: TextRepresentable {
    package static var textMeaning: String { "a did:key of an Ed25519 key" }
    package static var textExample: String { "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp" }

    package init(text: String) throws(Problem) {
        guard let key = NodeKey(did: text) else { throw .notAccepted(text, meaning: Self.textMeaning) }
        self = key
    }
}

extension OverlayAddress: TextRepresentable, LosslessStringConvertible {
    package static var textMeaning: String { "an overlay address fd…" }
    package static var textExample: String { "fd00::1" }
}

extension PeerName: TextRepresentable, LosslessStringConvertible {
    package static var textMeaning: String { "a peer: a did:key:…, an overlay address, a name, or agent://NAME" }
    package static var textExample: String { "research" }
}

extension ServiceName: TextRepresentable, LosslessStringConvertible {
    package static var textMeaning: String { "a service name of letters, digits, '-', '_' and '.', at most 63 long" }
    package static var textExample: String { "tools" }
}

extension HostPort: TextRepresentable, LosslessStringConvertible {
    package static var textMeaning: String { "a host and a port, HOST:PORT" }
    package static var textExample: String { "127.0.0.1:7701" }
}

extension HubURL: TextRepresentable {
    package static var textMeaning: String { "a hub's URL, postern://HOST:PORT/did:key:z…" }
    package static var textExample: String { "postern://hub.example.net:4600/\(NodeKey.textExample)" }

    package init(text: String) throws(Problem) {
        guard let url = try? HubURL(text) else { throw .notAccepted(text, meaning: Self.textMeaning) }
        self = url
    }
}

extension AllowRule: TextRepresentable, LosslessStringConvertible {
    package static var textMeaning: String { "trusted, or a peer" }
    package static var textExample: String { "trusted" }
}

extension Timestamp: TextRepresentable, LosslessStringConvertible {
    package static var textMeaning: String { "a time in UTC (RFC 3339), such as 2026-01-31T12:00:00Z" }
    package static var textExample: String { "2026-01-31T12:00:00Z" }
}

extension VirtualPort: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(try UInt16(from: decoder))
    }

    package func encode(to encoder: any Encoder) throws {
        try rawValue.encode(to: encoder)
    }
}

extension ServiceKind: Codable {}
