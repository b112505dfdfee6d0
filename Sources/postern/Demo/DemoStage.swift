import Foundation
import NIOCore
import PosternModel
import Synchronization

/// What the demonstration plays on: agents, hub, sidecars, and the directory that holds their state.
final class DemoStage: Sendable {
    /// Where things are once the stage is set.
    struct Roles {
        let toolsPort: Int
        let conversationPort: Int
        let aliceControl: String
        let bobControl: String
        /// The directory that holds the state directories of both.
        let folder: String
    }

    private let program: URL
    private let folder: URL
    private let tell: @Sendable (String) -> Void
    private let group: any EventLoopGroup
    private let children = Mutex<[DemoChild]>([])
    private let listeners = Mutex<[any Channel]>([])

    init(program: URL, group: any EventLoopGroup, tell: @escaping @Sendable (String) -> Void) throws {
        self.program = program
        self.tell = tell
        self.group = group
        let name = "postern-demo-\(UUID().uuidString.prefix(8).lowercased())"
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    /// Starts everything and makes alice and bob trust each other.
    func set() async throws -> Roles {
        let tools = try await start(SampleToolAgent().answer)
        let cardBase = BaseURL()
        let conversation = try await start { SampleConversationAgent(base: cardBase.value).answer($0) }
        tell("[1/5] sample agents: MCP at 127.0.0.1:\(tools), A2A at 127.0.0.1:\(conversation)")

        let hub = try await service("hub", ["hub", "--state", path("hub"), "--listen", "127.0.0.1:0"])
        let url = hub["hub"]?.string ?? ""
        tell("[2/5] hub: \(url)")

        let bobIdentity = try await initialise("bob", hub: url)
        _ = try await initialise("alice", hub: url)
        let bobDid = bobIdentity["did"]?.string ?? ""
        try configure("bob", hub: url, rest: Self.bobServices(tools: tools, conversation: conversation))
        try configure("alice", hub: url, rest: Self.aliceReaches(bob: bobDid))
        tell("[3/5] identities: alice and bob, each with a key of its own; bob is \(bobDid)")

        let bob = try await service("bob", ["up"] + options("bob"))
        let alice = try await service("alice", ["up"] + options("alice"))
        tell("[4/5] sidecars: both serve; nobody trusts anybody yet")

        // A card says where clients find the agent: at alice's port, since it is alice's clients who read it.
        let conversationPort = Self.port(of: "assistant", in: alice)
        cardBase.value = "http://127.0.0.1:\(conversationPort)"

        let invitation = try await command("invite", ["invite", "--json"] + options("bob"))["invitation"]?.string ?? ""
        _ = try await command("join", ["join", invitation, "--json"] + options("alice"))
        tell("[5/5] trust: bob invited, alice joined")
        tell("")
        return Roles(
            toolsPort: Self.port(of: "tools", in: alice),
            conversationPort: conversationPort,
            aliceControl: alice["control"]?.string ?? "",
            bobControl: bob["control"]?.string ?? "",
            folder: folder.path
        )
    }

    /// Ends everything and removes the directory.
    func clear() async {
        let running = children.withLock { children in
            defer { children = [] }
            return children
        }
        for child in running.reversed() { child.terminate() }
        for child in running.reversed() { await child.end() }
        let open = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for listener in open { try? await listener.close() }
        try? FileManager.default.removeItem(at: folder)
    }

    private func start(_ answer: @escaping @Sendable (AgentRequest) -> AgentReply) async throws -> Int {
        let (channel, port) = try await AgentServer.start(group: group, answer: answer)
        listeners.withLock { $0.append(channel) }
        return port
    }

    private func service(_ name: String, _ arguments: [String]) async throws -> JSONValue {
        try await child(name, arguments + ["--until-input-ends"]).ready()
    }

    private func command(_ name: String, _ arguments: [String]) async throws -> JSONValue {
        try await child(name, arguments).output()
    }

    private func child(_ name: String, _ arguments: [String]) throws -> DemoChild {
        try Task.checkCancellation()
        let child = try DemoChild(name, arguments, program: program, folder: folder)
        children.withLock { $0.append(child) }
        return child
    }

    private func initialise(_ name: String, hub: String) async throws -> JSONValue {
        try await command(
            "init-\(name)",
            ["init", "--state", path(name), "--name", name, "--hub", hub, "--json"]
        )
    }

    private func configure(_ name: String, hub: String, rest: String) throws {
        let text = """
            name: \(name)
            hubs: ["\(hub)"]
            control: 127.0.0.1:0
            underlay: {listen: "127.0.0.1:0"}
            \(rest)
            """
        try Data(text.utf8).write(to: folder.appendingPathComponent("\(name)/postern.yaml"))
    }

    private func options(_ name: String) -> [String] { ["--state", path(name)] }

    private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    private static func bobServices(tools: Int, conversation: Int) -> String {
        """
        expose:
          - {service: tools, port: 80, kind: mcp, upstream: "http://127.0.0.1:\(tools)", allow: [trusted]}
          - {service: assistant, port: 81, kind: a2a, upstream: "http://127.0.0.1:\(conversation)", allow: [trusted]}
        """
    }

    private static func aliceReaches(bob: String) -> String {
        """
        reach:
          - {peer: "\(bob)", service: tools, listen: "127.0.0.1:0"}
          - {peer: "\(bob)", service: assistant, listen: "127.0.0.1:0"}
        """
    }

    private static func port(of service: String, in ready: JSONValue) -> Int {
        let entry = ready["reach"]?.array?.first { $0["service"]?.string == service }
        return entry?["listen"]?.string?.split(separator: ":").last.flatMap { Int($0) } ?? 0
    }
}

/// A URL that is known later than it is handed out.
private final class BaseURL: Sendable {
    private let text = Mutex("")

    var value: String {
        get { text.withLock { $0 } }
        set { text.withLock { $0 = newValue } }
    }
}
