package import OverlayWire
package import PosternModel
package import TrustCore

/// What a node asks of a hub: one JSON document each (Hub-API.md).
package enum HubRequest: Hashable, Sendable {
    case register(name: String)
    case deregister
    case deposit(target: NodeKey, sealed: [UInt8])
    case acknowledge([RecordID])
    case resolve(target: NodeKey, grant: Grant)
    case release(RelayChannel)
    case revoke(Revocation)

    /// The mail that one request may acknowledge.
    package static let acknowledgedCount = 256

    /// The request in `document`. A record in it is verified here, so a request has no forged one.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        switch try fields.text("do", limit: 32) {
        case "register":
            self = .register(name: try fields.text("name", limit: RecordLimits.name))
        case "deregister":
            self = .deregister
        case "deposit":
            let sealed = try fields.bytes("sealed", limit: RecordLimits.sealed)
            guard !sealed.isEmpty else { throw .invalid("sealed") }
            self = .deposit(target: try fields.key("to"), sealed: sealed)
        case "acknowledge":
            let ids = try fields.list("ids", limit: Self.acknowledgedCount) { value in
                value.string.flatMap { RecordID($0) }
            }
            self = .acknowledge(ids)
        case "resolve":
            self = .resolve(target: try fields.key("to"), grant: try Grant(verifying: try fields.value("grant")))
        case "release":
            guard let channel = UInt32(exactly: try fields.integer("channel")) else { throw .invalid("channel") }
            self = .release(RelayChannel(channel))
        case "revoke":
            self = .revoke(try Revocation(verifying: try fields.value("revocation")))
        case _:
            throw .invalid("do")
        }
    }

    /// The document to send.
    package var document: JSONValue {
        switch self {
        case .register(let name):
            ["do": "register", "name": .string(PlainText.clean(name, limit: RecordLimits.name))]
        case .deregister:
            ["do": "deregister"]
        case .deposit(let target, let sealed):
            ["do": "deposit", "to": .string(target.did), "sealed": .string(Base64URL.encode(sealed))]
        case .acknowledge(let ids):
            ["do": "acknowledge", "ids": .texts(ids)]
        case .resolve(let target, let grant):
            ["do": "resolve", "to": .string(target.did), "grant": grant.document]
        case .release(let channel):
            ["do": "release", "channel": .integer(Int64(channel.rawValue))]
        case .revoke(let revocation):
            ["do": "revoke", "revocation": revocation.document]
        }
    }
}
