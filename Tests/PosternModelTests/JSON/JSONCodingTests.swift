import Foundation
import PosternModel
import TestSupport
import Testing

@Suite struct JSONCodingTests {
    struct Inner: Codable, Hashable {
        var kind: ServiceKind
        var peer: PeerName?
    }

    struct Document: Codable, Hashable {
        var name: String
        var count: UInt16
        var rate: Double?
        var isOpen: Bool
        var inner: Inner?
        var list: [Inner]
        var any: JSONValue
    }

    private let document = Document(
        name: "a",
        count: 7,
        rate: nil,
        isOpen: true,
        inner: Inner(kind: .mcp, peer: nil),
        list: [Inner(kind: .tcp, peer: "bob")],
        any: ["x": [1, 2.5, nil, "y", false]]
    )

    @Test func `a document has all its members, null for what is nil, and comes back`() throws {
        let json = JSONValue(encoding: document)
        #expect(
            json == [
                "name": "a", "count": 7, "rate": nil, "isOpen": true, "inner": ["kind": "mcp", "peer": nil],
                "list": [["kind": "tcp", "peer": "bob"]], "any": ["x": [1, 2.5, nil, "y", false]],
            ]
        )
        #expect(try Document(decoding: json) == document)
    }

    @Test(arguments: [
        ("{}", "\"name\" is missing"), ("[]", "the document must be a JSON object"),
        (#"{"name":1}"#, "\"name\" must be a string"),
        (#"{"name":"a","count":65536}"#, "\"count\" must be a whole number"),
        (#"{"name":"a","count":1,"isOpen":0}"#, "\"isOpen\" must be a boolean"),
        (#"{"name":"a","count":1,"isOpen":true,"list":{}}"#, "\"list\" must be an array"),
        (
            #"{"name":"a","count":1,"isOpen":true,"list":[{"kind":"mcp"},{"kind":"mcp","peer":"a b"}]}"#,
            "\"a b\" is not \(PeerName.textMeaning)"
        ),
    ])
    func `what does not fit is named with what it must be`(text: String, message: String) throws {
        let json = try JSONValue(parsing: text)
        let problem = #expect(throws: Problem.self) { try Document(decoding: json) }
        #expect(problem?.message == message)
    }

    @Test func `a schema follows from the type`() {
        let schema = JSONSchema.schema(of: Document.self)
        #expect(schema["required"] == ["name", "count", "isOpen", "list", "any"])
        let properties = schema["properties"]
        #expect(properties?["count"] == ["type": "integer", "minimum": 0, "maximum": 65_535])
        #expect(properties?["rate"] == ["anyOf": [["type": "number"], ["type": "null"]]])
        #expect(properties?["any"] == [:])
        let kind = properties?["list"]?["items"]?["properties"]?["kind"]
        #expect(kind?["enum"] == .texts(ServiceKind.allCases.map(\.rawValue)))
    }

    @Test func `other coders read and write any part of a document too`() throws {
        let value: JSONValue = ["a": [nil, true, 1, 2.5, "x", [:]]]
        let bytes = try JSONEncoder().encode(value)
        #expect(try JSONDecoder().decode(JSONValue.self, from: bytes) == value)
    }
}
