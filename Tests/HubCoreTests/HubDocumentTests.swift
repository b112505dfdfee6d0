import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

@Suite struct HubDocumentTests {
    @Test func `events come back from their documents`() throws {
        let events: [HubEvent] = [
            .ready, .hubs([url(of: bob)], store: "1", isDraining: true), .hubs([], store: nil, isDraining: false),
            .closed(RelayChannel(7)), .channel(RelayChannel(.max), peer: alice.key),
            .mail(id: RecordID(ofBytes: [1]), sealed: [1, 2, 3], as: .known),
            .mail(id: RecordID(ofBytes: [1]), sealed: [1, 2, 3], as: .contact(from: MailOrigin(0))),
            .mail(id: RecordID(ofBytes: [1]), sealed: [1, 2, 3], as: .stranger(from: MailOrigin(.max))),
        ]
        for event in events { #expect(try HubEvent(event.document) == event) }
        #expect(throws: RecordError.self) { try HubEvent(["event": "closed", "channel": 4_294_967_296]) }
        #expect(throws: RecordError.self) { try HubEvent(["event": "other"]) }
        let withoutOrigin: JSONValue = [
            "event": "mail", "id": .string(RecordID(ofBytes: [1]).description), "sealed": "AA", "class": "stranger",
        ]
        #expect(throws: RecordError.missing("origin")) { try HubEvent(withoutOrigin) }
    }

    @Test func `requests come back from their documents`() throws {
        let token = try #require(ContactToken(bytes: Array(0..<16)))
        let challenge = WorkChallenge(hub: carol.key, sender: alice.key, target: bob.key, sealed: [1], hour: 498_000)
        let work = try #require(challenge.solve(bits: 4))
        let requests: [HubRequest] = [
            .register(contacts: [RecordID(ofBytes: [1])]), .visit(), .deregister,
            .deposit(target: bob.key, sealed: [1, 2, 3]),
            .deposit(target: bob.key, sealed: [1], evidence: .grant(bobsGrant)),
            .deposit(target: bob.key, sealed: [1], evidence: .contact(token)),
            .deposit(target: bob.key, sealed: [1], evidence: .work(work)),
            .acknowledge([RecordID(ofBytes: [1]), RecordID(ofBytes: [2])]),
            .resolve(target: bob.key, grant: bobsGrant), .release(RelayChannel(.max)),
            .revoke(Revocation(from: alice, to: bob.key, issued: time(0))),
            .mark(StateMark(of: alice, at: ChainHead(sequence: 7, hash: ChainHead.empty.hash))),
            .recall([bob.key, carol.key]), .recall([]),
        ]
        for request in requests {
            let document = try JSONValue(parsing: request.document.compactBytes)
            #expect(try HubRequest(received: document) == request)
        }
    }

    @Test func `a grant that is shown again is not verified again, and a forged one is never known`() throws {
        var grants = VerifiedGrants(limit: 4)
        let request = HubRequest.resolve(target: bob.key, grant: bobsGrant)
        for _ in 0..<2 { #expect(try HubRequest(received: request.document, &grants) == request) }
        #expect(grants.count == 1)
        var forged = try #require(bobsGrant.document.object)
        forged["services"] = ["other"]
        let lookUp: JSONValue = ["do": "resolve", "to": .string(bob.key.did), "grant": .object(forged)]
        for _ in 0..<2 {
            #expect(throws: HubRefusal(RecordError.badSignature)) { try HubRequest(received: lookUp, &grants) }
        }
        #expect(grants.count == 1)
        // It is bounded, and keeps what is in use.
        for number: Int64 in 1..<20 {
            let other = Grant(from: bob, to: alice.key, services: .all, issued: time(number))
            _ = try grants.grant(in: other.document)
            #expect(try grants.grant(in: bobsGrant.document) == bobsGrant && grants.count <= 4)
        }
    }

    @Test func `what is no document, or no request, is refused`() {
        #expect(throws: HubRefusal(RecordError.malformed)) { try HubRequest(received: nil) }
        #expect(throws: HubRefusal(RecordError.missing("do"))) { try HubRequest(received: [:]) }
    }

    @Test func `mail shows one kind of evidence, in its own form`() throws {
        let token: JSONValue = .string(Base64URL.encode([UInt8](repeating: 1, count: 16)))
        let bad: [(String, JSONValue)] = [
            ("contact", "AA"), ("work", ["hour": 1, "number": -1]), ("work", ["hour": 1]), ("grant", [:]),
            ("work", ["hour": 1, "number": 9_007_199_254_740_992]),
        ]
        for (name, value) in bad {
            var members = HubRequest.deposit(target: bob.key, sealed: [1]).document.object ?? JSONObject()
            members[name] = value
            #expect(throws: RecordError.self) { try HubRequest(.object(members)) }
        }
        var both = HubRequest.deposit(target: bob.key, sealed: [1]).document.object ?? JSONObject()
        both["contact"] = token
        #expect(throws: Never.self) { try HubRequest(.object(both)) }
        both["work"] = ["hour": 1, "number": 1]
        #expect(throws: RecordError.invalid("evidence")) { try HubRequest(.object(both)) }
    }

    @Test func `answers come back from their documents`() throws {
        let refusals: [HubRefusal] = [
            .invalid("the record's member \"do\" has an invalid value"), .unknown, .overLimit, .notWatching,
            .unavailable, .full, .closed, .workNeeded(bits: 16, hour: 498_000),
        ]
        let mark = StateMark(of: alice, at: ChainHead(sequence: 7, hash: ChainHead.empty.hash))
        let answers: [HubAnswer] =
            [
                .done, .registered(alice.key, alice.key.personalAddress, at: time(0)), .online(RelayChannel(.max)),
                .offline, .revocations([]), .revocations([Revocation(from: alice, to: bob.key, issued: time(0))]),
                .registered(alice.key, alice.key.personalAddress, at: time(0), mark: mark),
                .away(homes: [url(of: hubIdentity)]),
            ]
            + refusals.map { .refused($0) }
        for answer in answers { #expect(try HubAnswer(answer.document) == answer) }
    }

    @Test(arguments: [
        "{}", "[]", #"{"ok":1}"#, #"{"ok":false}"#, #"{"ok":false,"error":{"code":"new","message":"x"}}"#,
        #"{"ok":true,"online":true}"#, #"{"ok":true,"online":true,"channel":-1}"#, #"{"ok":true,"online":"yes"}"#,
        #"{"ok":true,"did":"x","address":"fd00::1","time":"2026-01-01T00:00:00Z"}"#,
    ])
    func `what is not an answer is refused`(text: String) {
        #expect(throws: RecordError.self) { try HubAnswer(try JSONValue(parsing: text)) }
    }

    @Test func `members that this version does not know are ignored in an answer`() throws {
        #expect(try HubAnswer(["ok": true, "homes": []]) == .done)
        #expect(try HubAnswer(["ok": true, "online": false, "homes": []]) == .offline)
    }
}
