import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing
import TrustCore

@Suite struct HubDocumentTests {
    @Test func `events come back from their documents`() throws {
        let events: [HubEvent] = [
            .ready, .closed(RelayChannel(7)), .channel(RelayChannel(.max), peer: alice.key),
            .mail(id: RecordID(ofBytes: [1]), sealed: [1, 2, 3]),
        ]
        for event in events { #expect(try HubEvent(event.document) == event) }
        #expect(throws: RecordError.self) { try HubEvent(["event": "closed", "channel": 4_294_967_296]) }
        #expect(throws: RecordError.self) { try HubEvent(["event": "other"]) }
    }

    @Test func `requests come back from their documents`() throws {
        let requests: [HubRequest] = [
            .register(name: "planner"), .deregister, .deposit(target: bob.key, sealed: [1, 2, 3]),
            .acknowledge([RecordID(ofBytes: [1]), RecordID(ofBytes: [2])]),
            .resolve(target: bob.key, grant: bobsGrant), .release(RelayChannel(.max)),
            .revoke(Revocation(from: alice, to: bob.key, issued: time(0))),
        ]
        for request in requests {
            let document = try JSONValue(parsing: request.document.compactBytes)
            #expect(try HubRequest(received: document) == request)
        }
    }

    @Test func `what is no document, or no request, is refused`() {
        #expect(throws: HubRefusal(RecordError.malformed)) { try HubRequest(received: nil) }
        #expect(throws: HubRefusal(RecordError.missing("do"))) { try HubRequest(received: [:]) }
    }

    @Test func `a name in a request loses what may not be shown`() throws {
        let request = try HubRequest(["do": "register", "name": "pla\u{202e}nner\n"])
        #expect(request == .register(name: "pla nner "))
    }

    @Test func `answers come back from their documents`() throws {
        let refusals: [HubRefusal] = [
            .invalid("the record's member \"do\" has an invalid value"), .unknown, .overLimit, .notWatching,
            .unavailable,
        ]
        let answers: [HubAnswer] =
            [
                .done, .registered(alice.key, alice.key.personalAddress, at: time(0)), .online(RelayChannel(.max)),
                .offline,
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
