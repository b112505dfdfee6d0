import OverlayCrypto
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

@Suite struct PeerDocumentTests {
    static let services = [
        Service(name: "planner", port: VirtualPort(80), kind: .a2a),
        Service(name: "git", port: VirtualPort(22), kind: .tcp),
    ]

    @Test(arguments: [PeerRequest.services, .redeem(claim: [1, 2, 3])])
    func `requests on the control port come back from their documents`(request: PeerRequest) throws {
        #expect(try PeerRequest(request.document) == request)
    }

    @Test(
        arguments: [
            PeerAnswer.services(services), .services([], version: "0.2.0"), .redeemed(answer: [1, 2, 3]), .done,
            .refused,
        ]
    )
    func `answers on the control port come back from their documents`(answer: PeerAnswer) throws {
        #expect(try PeerAnswer(answer.document) == answer)
    }

    @Test(arguments: ["{}", "[]", #"{"do":"list"}"#, #"{"do":"redeem"}"#, #"{"do":"redeem","claim":"!"}"#])
    func `what is not a request is refused`(text: String) {
        #expect(throws: RecordError.self) { try PeerRequest(try JSONValue(parsing: text)) }
    }

    @Test(arguments: ["{}", "3", #"{"ok":true,"services":{}}"#, #"{"ok":true,"answer":"!"}"#])
    func `what is not an answer is refused`(text: String) {
        #expect(throws: RecordError.self) { try PeerAnswer(try JSONValue(parsing: text)) }
    }

    @Test func `a service of a kind that this version does not know is left out`() throws {
        var document = PeerAnswer.services(Self.services).document.object!
        document["services"] = .array(
            document["services"]!.array! + [["service": "news", "port": 90, "kind": "gopher"]]
        )
        #expect(try PeerAnswer(.object(document)) == .services(Self.services))
    }
}
