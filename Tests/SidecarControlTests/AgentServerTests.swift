import NIOCore
import NIOPosix
import PosternModel
import SidecarCore
import Synchronization
import TestSupport
import Testing

@testable import SidecarControl

/// Refuses every operation, with who asked for it.
private final class RefusingBackend: ControlBackend {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let agentMay: Set<AgentPermission>
    let asked = Mutex<[String]>([])
    let refused = Mutex<[String]>([])

    init(may: Set<AgentPermission>) {
        agentMay = may
    }

    var version: String { "0" }
    var key: NodeKey { NodeKey(words: Words32(a: 1, b: 0, c: 0, d: 0)) }

    func perform<Asked: SidecarCore.Operation>(
        _ operation: Asked,
        by requester: Requester
    ) -> EventLoopFuture<Asked.Answer> {
        asked.withLock { $0.append("\(Asked.outline.path) \(requester)") }
        return loop.makeFailedFuture(Problem(code: "no", message: "not now", hint: "wait"))
    }

    func noteAgentRefused(_ tool: String, by requester: Requester) { refused.withLock { $0.append(tool) } }
    func readiness() -> EventLoopFuture<Readiness> { loop.makeSucceededFuture(Readiness(underlay: true, hub: nil)) }
    func metrics() -> EventLoopFuture<[Metric]> { loop.makeSucceededFuture([]) }
}

@Suite struct AgentServerTests {
    private static func answer(
        _ text: String,
        may: Set<AgentPermission> = AgentPermission.usual
    ) async throws -> (JSONValue?, RefusingBackend) {
        let backend = RefusingBackend(may: may)
        let message = try AgentMessage(Array(text.utf8), session: "claude")
        let server = AgentServer(backend: backend, loop: backend.loop)
        return (try await server.answer(message).get(), backend)
    }

    private static func call(_ tool: String, _ arguments: String = "{}") -> String {
        """
        {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\(tool)","arguments":\(arguments)}}
        """
    }

    @Test func `every tool has words, schemas of objects and a name of its own`() throws {
        #expect(Set(AgentTools.all.map(\.name)).count == AgentTools.all.count)
        for tool in AgentTools.all {
            #expect(tool.inputSchema["type"] == "object" && tool.outputSchema["type"] == "object", "\(tool.name)")
            #expect(tool.description.hasSuffix("."), "\(tool.name)")
            for argument in tool.argumentNames where argument != "policy" && argument != "invitations" {
                #expect(AgentTools.argumentMeanings[argument] != nil, "\(tool.name) \(argument)")
            }
        }
    }

    @Test func `S3: what usually may be done widens no trust`() throws {
        let usual = AgentTools.all.filter { AgentPermission.usual.contains($0.permission) }
        #expect(
            Set(usual.filter { $0.effect != .looks }.map(\.name)) == [
                "request_trust", "open_local_port", "close_local_port", "call_service",
            ]
        )
    }

    @Test(arguments: AgentTools.all.map(\.name))
    func `S3: without a permission every tool is refused, recorded, and nothing is asked`(name: String) async throws {
        let (answer, backend) = try await Self.answer(Self.call(name), may: [])
        #expect(answer?["result"]?["isError"] == true)
        let text = answer?["result"]?["content"]?.array?.first?["text"]?.string ?? ""
        #expect(text.hasPrefix("not-permitted: "))
        #expect(backend.refused.withLock { $0 } == [name])
        #expect(backend.asked.withLock { $0 }.isEmpty)
    }

    @Test func `the sidecar hears who asks, and the agent why not`() async throws {
        let (answer, backend) = try await Self.answer(Self.call("status"))
        #expect(backend.asked.withLock { $0 } == ["status agent(\"claude\")"])
        #expect(answer?["result"]?["content"]?.array?.first?["text"] == "no: not now; wait")
    }

    @Test func `S3: a request of the agent gives nothing`() async throws {
        let asked = RequestTrust(peer: .peer("bob")).givingNothing
        #expect(asked.oneWay == true)
        let tool = try #require(AgentTools.all.first { $0.name == "request_trust" })
        #expect(!tool.argumentNames.contains("oneWay"))
    }

    @Test(arguments: [
        ("nonsense", -32_601), ("tools/call", -32_602), ("resources/read", -32_002),
    ])
    func `what does not exist is told by the code of JSON-RPC`(method: String, code: Int64) async throws {
        let text = #"{"jsonrpc":"2.0","id":"a","method":"\#(method)","params":{"name":"no","uri":"no"}}"#
        let (answer, _) = try await Self.answer(text)
        #expect(answer?["error"]?["code"] == .integer(code) && answer?["id"] == "a")
    }

    @Test func `a notification is not answered`() async throws {
        let (answer, _) = try await Self.answer(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        #expect(answer == nil)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"jsonrpc":"2.0"}"#, #"{"jsonrpc":"2.0","method":1}"#,
        #"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, #"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
    ])
    func `what is no message is refused`(text: String) {
        #expect(throws: AgentMessage.Fault.self) { _ = try AgentMessage(Array(text.utf8), session: nil) }
    }
}
