import OverlayCrypto
import PosternModel
import TestSupport
import Testing
import TrustCore

/// An identity that is the same in every run.
func identity(_ number: UInt8) -> NodeIdentity {
    try! NodeIdentity(seed: Array(repeating: number, count: 32))
}

/// A time `seconds` after a fixed day.
func time(_ seconds: Int64) -> Timestamp { Timestamp(seconds: 1_795_000_000 + seconds) }

let alice = identity(1)
let bob = identity(2)
let mallory = identity(3)
let hub = try! HubURL("postern://hub.example.net:4600/\(identity(9).key.did)")

/// `document` with `change` applied to its members.
func changed(_ document: JSONValue, _ change: (inout JSONObject) -> Void) -> JSONValue {
    var object = document.object!
    change(&object)
    return .object(object)
}

func request(from asker: NodeIdentity = alice, to target: NodeKey = bob.key) -> TrustRequest {
    let terms = TrustRequest.Terms(
        name: "Alice",
        note: "hello",
        services: .names(["planner"]),
        hubs: [hub],
        issued: time(0),
        expires: time(1_000),
        nonce: Array(0..<16)
    )
    return TrustRequest(
        from: asker,
        terms: terms,
        grant: Grant(from: asker, to: target, services: .all, issued: time(0))
    )
}

extension Mail {
    /// The mail sealed with the same ephemeral key in every run.
    func sealed() throws -> [UInt8] {
        let random = RandomSource(seed: Array(repeating: 5, count: 32))
        return try sealed(using: random)
    }
}
