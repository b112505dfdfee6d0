import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

@Suite struct IdentityFieldsTests {
    @Test func `the caller is named by the fields that the service wants, and by no copy of a client`() {
        var fields = IdentityFields()
        fields.peer = "X-Caller"
        fields.network = "X-Net"
        let service = ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: .http),
            upstream: .loopback(9999),
            identity: fields
        )
        let policy = ExposePolicy(service, did: "did:key:zAlice", peerName: "alice", network: "acme")
        let asked = Passage(.expose(policy)).ask(
            message(
                "GET / HTTP/1.1",
                "x-caller: mallory",
                "Host: 127.0.0.1:7701",
                "X_Caller: mallory",
                "X-Callers: fine",
                "x.net: mallory",
                "Postern-Peer: mallory",
                "A: b"
            )
        )
        #expect(
            asked
                == message(
                    "GET / HTTP/1.1",
                    "Host: 127.0.0.1:9999",
                    "X-Caller: did:key:zAlice",
                    "Postern-Peer-Name: alice",
                    "X-Net: acme",
                    "X-Callers: fine",
                    "A: b"
                )
        )
    }

    @Test func `the usual names cost no look at other fields`() {
        #expect(IdentityFields().foreign.isEmpty)
    }
}
