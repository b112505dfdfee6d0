import PosternModel
import Testing

@testable import PosternConfiguration

@Suite struct SchemaTests {
    /// Texts of every sort, good and bad, for every form.
    static let texts = [
        "", "a", "planner", "Planner", "a-b", "-a", "a-", "a.b", "planner.acme", "a_b", "off", "trusted", "a b", "ä",
        String(repeating: "a", count: 63), String(repeating: "a", count: 64), "/var/lib", "~/x", did, "agent://\(did)/",
        "agent://planner.acme/", "agent://planner", "agent:///", "fd12:3456:789a::1", "FD00::1", "2001:db8::1",
        "127.0.0.1:7600", "127.1.2.3:0", "localhost:80", "LOCALHOST:80", "[::1]:80", "[0:0:0:0:0:0:0:1]:80",
        "0.0.0.0:0", "[::]:4600", "256.0.0.1:1", "127.0.0.1:70000", "127.0.0.1", "hub.example.net:4600", "h:1", "h:0",
        "http://127.0.0.1:9999", "http://localhost", "http://h:1/", "http://h:1/mcp", "http://[::1]:80",
        "https://h:1", "tcp://h:1", "tcp://[::1]:22", "tcp://h", "postern://hub.example.net:4600/\(did)",
        "postern://[2001:db8::1]:4600/\(did)", "postern://h:0/\(did)", "postern://h/\(did)", "network:acme", "::1",
        "192.0.2.1", "[2001:db8::1]", "did:key:zzz", "tools/call:delete_*", "h:50051", "grpc://h:50051",
        "udp://h:53", "wss://h/p", "ws://h:1", "postgresql://u:p@h/d", "3s", "1500ms", "2m", "0s", "999ms",
    ]

    @Test(arguments: TextForm.allCases)
    func `the schema's expression accepts every text that the validator accepts`(form: TextForm) throws {
        let expression = try Regex(form.pattern.replacing("\\u0000", with: "\\x00"))
        let good = Self.texts.filter(form.accepts)
        #expect(!good.isEmpty)
        for text in good where try expression.wholeMatch(in: text) == nil {
            // Capitals in `localhost` are the one thing that the expressions leave out.
            #expect(text == "LOCALHOST:80", "\(form) accepts \(text)")
        }
    }

    @Test(arguments: TextForm.allCases)
    func `the schema's expression refuses what is plainly of another form`(form: TextForm) throws {
        let expression = try Regex(form.pattern.replacing("\\u0000", with: "\\x00"))
        let bad = Self.texts.filter { !form.accepts($0) }
        let refused = try bad.filter { try expression.wholeMatch(in: $0) == nil }
        #expect(refused.count * 4 >= bad.count * 3, "\(form): \(bad.filter { !refused.contains($0) })")
    }

    @Test func `every key of the tables stands in the schema and no other`() throws {
        for (section, schema) in [(Section.sidecar, ConfigurationSchema.sidecar), (.hub, ConfigurationSchema.hub)] {
            #expect(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema")
            #expect(schema["additionalProperties"] == false)
            let properties = try #require(schema["properties"]?.object)
            #expect(properties.keys == section.keys.map(\.name))
            for key in section.keys {
                #expect(properties[key.name]?["description"]?.string == key.summary)
            }
        }
    }

    @Test func `required keys, alternatives and conditions stand in the schema`() throws {
        let properties = try #require(ConfigurationSchema.sidecar["properties"])
        let expose = try #require(properties["expose"]?["items"])
        #expect(expose["required"] == ["service", "port", "kind"])
        #expect(expose["allOf"]?.array?.count == 19)
        #expect(expose["properties"]?["kind"]?["enum"] == ["mcp", "a2a", "http", "tcp", "udp", "stdio"])
        #expect(expose["properties"]?["port"]?["maximum"] == 65279)
        let reach = try #require(properties["reach"]?["items"])
        #expect(reach["allOf"] == [["oneOf": [["required": ["service"]], ["required": ["port"]]]]])
        #expect(properties["log"]?["properties"]?["level"]?["default"] == "info")
    }

    @Test func `every default in the tables is a value that its key accepts`() {
        for section in [Section.sidecar, .hub] { check(section) }
    }

    private func check(_ section: Section) {
        for key in section.keys {
            switch (key.shape, key.fallback) {
            case (.text(let form), .text(let text)): #expect(form.accepts(text), "\(key.name)")
            case (.choice(let words), .text(let text)): #expect(words.contains(text), "\(key.name)")
            case (.list(.section(let inner), _, _), _): check(inner)
            case (.section(let inner), _): check(inner)
            case (.list, let fallback): #expect(fallback == .empty || fallback == .none)
            case (_, let fallback): #expect(key.isRequired || fallback != .empty)
            }
        }
    }
}
