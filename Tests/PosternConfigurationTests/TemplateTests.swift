import PosternModel
import Testing

@testable import PosternConfiguration

@Suite struct TemplateTests {
    @Test func `the commented file is valid and says what was given`() throws {
        let hub = try HubURL("postern://hub.example.net:4600/\(did)")
        let text = ConfigurationTemplate.sidecar(name: "planner", state: "/a \"b\"/c", hub: hub)
        let settings = try ConfigurationFile<SidecarConfiguration>(
            text: text,
            path: nil,
            surroundings: surroundings
        ).settings
        #expect(settings.name == "planner")
        #expect(settings.state == "/a \"b\"/c")
        #expect(settings.hubs == [hub])
        #expect(settings.expose.isEmpty)
    }

    @Test func `the commented file shows every key of the table`() {
        let text = ConfigurationTemplate.sidecar(name: "planner", state: "/s", hub: nil)
        for key in Section.sidecar.keys { #expect(text.contains(key.summary), "\(key.name)") }
    }

    @Test func `what the commented file comments out is valid as well`() throws {
        let text = ConfigurationTemplate.sidecar(name: "planner", state: "/s", hub: nil)
        let lines = text.split(separator: "\n").map { line in
            let isKey = line.hasPrefix("#") && (!line.hasPrefix("# ") || line.hasPrefix("#  "))
            return String(isKey ? line.dropFirst() : line).replacing("did:key:z6Mk...", with: did)
        }
        let settings = try ConfigurationFile<SidecarConfiguration>(
            text: lines.joined(separator: "\n"),
            path: nil,
            surroundings: surroundings
        ).settings
        #expect(settings.expose.map(\.service.name.description) == ["planner"])
        #expect(settings.reach.map(\.peer.description) == ["research"])
        #expect(settings.hubs.count == 1)
    }
}
