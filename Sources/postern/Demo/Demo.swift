import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import PosternModel
import UnixSignals

/// The demonstration: bob's two sample agents, called by alice through two sidecars that met at a hub.
struct Demo {
    /// Whether it ends after the calls.
    let isOnce: Bool
    /// With `--json` the document of the end goes to standard output and everything else to standard error.
    let console: Console

    private let group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    /// Runs the demonstration. Throws when one of the calls gets no answer.
    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let stage = try DemoStage(program: try Self.program(), group: group, tell: tell)
        do {
            try await withThrowingTaskGroup(of: Bool.self) { tasks in
                tasks.addTask {
                    for await _ in signals { return false }
                    return false
                }
                tasks.addTask {
                    try await perform(on: stage)
                    return true
                }
                // Without `--once` only a signal ends it; with it, a signal before the end is a failure.
                while let isPerformance = try await tasks.next() {
                    if isOnce, !isPerformance { throw ExitCode(1) }
                    if isOnce || !isPerformance { break }
                }
                tasks.cancelAll()
            }
        } catch {
            await stage.clear()
            throw error
        }
        await stage.clear()
    }

    private func perform(on stage: DemoStage) async throws {
        let roles = try await stage.set()
        try await callTools(at: roles.toolsPort)
        try await callConversation(at: roles.conversationPort)
        let document: JSONValue = [
            "mcp": .string("http://127.0.0.1:\(roles.toolsPort)/mcp"),
            "a2a": .string("http://127.0.0.1:\(roles.conversationPort)/"),
            "curl": .string(Self.curl(port: roles.toolsPort)),
            "statusPages": [.string("http://\(roles.aliceControl)/"), .string("http://\(roles.bobControl)/")],
        ]
        if isOnce, !console.isJSON { return }
        console.show(document) { document in
            """

            Make the MCP call yourself, from any program on this machine:

            \(Shown.text(document["curl"]))

            Status pages: http://\(roles.aliceControl)/ (alice) and http://\(roles.bobControl)/ (bob).
            A link for your browser:
            postern open --state \(roles.folder)/alice
            Ctrl-C ends everything.
            """
        }
    }

    /// Says how far it is.
    private func tell(_ line: String) {
        if console.isJSON {
            Console.complain(line)
        } else {
            Console.print(line)
        }
    }

    private func callTools(at port: Int) async throws {
        try await rpc("MCP", port: port, path: "/mcp", kind: .mcp, "tools/list", [:]) { answer in
            let names = (answer["result"]?["tools"]?.array ?? []).compactMap { $0["name"]?.string }
            return names.isEmpty ? nil : "bob's agent offers the tools \(names.joined(separator: ", "))"
        }
        let echo: JSONValue = ["name": "echo", "arguments": ["text": "hello through the gate"]]
        try await rpc("MCP", port: port, path: "/mcp", kind: .mcp, "tools/call", echo) { answer in
            answer["result"]?["content"]?.array?.first?["text"]?.string.map { "the tool echo answered \"\($0)\"" }
        }
        let slow: JSONValue = [
            "name": "slow", "arguments": ["steps": 3], "_meta": ["progressToken": "demo"],
        ]
        try await rpc("MCP", port: port, path: "/mcp", kind: .mcp, "tools/call", slow) { answer in
            if let step = answer["params"]?["message"]?.string { return "the tool slow streams: \(step)" }
            return answer["result"]?["content"]?.array?.first?["text"]?.string.map {
                "the tool slow answered \"\($0)\""
            }
        }
    }

    private func callConversation(at port: Int) async throws {
        let (status, card) = try await JSONRPCCall.get("/.well-known/agent-card.json", port: port, group: group)
        guard status == 200, let name = card?["name"]?.string else {
            throw Self.silent("A2A", "the agent card", "status \(status)")
        }
        tell(
            "A2A  the card of \"\(name)\" came, of \(card?["supportedInterfaces"]?.array?.count ?? 0) interfaces"
        )
        let message: JSONValue = [
            "message": ["messageId": "demo-1", "role": "ROLE_USER", "parts": [["text": "hello, agent"]]]
        ]
        try await rpc("A2A", port: port, path: "/", kind: .a2a, "SendMessage", message) { answer in
            let text = answer["result"]?["message"]?["parts"]?.array?.first?["text"]?.string
            return text.map { "SendMessage answered \"\($0)\"" }
        }
        try await rpc("A2A", port: port, path: "/", kind: .a2a, "SendStreamingMessage", message) { answer in
            let result = answer["result"]
            if let state = result?["task"]?["status"]?["state"]?.string {
                return "SendStreamingMessage streams: \(state)"
            }
            if let state = result?["statusUpdate"]?["status"]?["state"]?.string {
                return "SendStreamingMessage streams: \(state)"
            }
            let part = result?["artifactUpdate"]?["artifact"]?["parts"]?.array?.first
            return part?["text"]?.string.map { "SendStreamingMessage streams: \"\($0)\"" }
        }
    }

    /// Makes a call and tells what `line` makes of each answer. Throws when there is none that it knows.
    private func rpc(
        _ title: String,
        port: Int,
        path: String,
        kind: ServiceKind,
        _ method: String,
        _ params: JSONValue,
        line: (JSONValue) -> String?
    ) async throws {
        let params = kind == .mcp ? params.withClientMetadata : params
        let call = JSONRPCCall(
            port: port,
            path: path,
            fields: CallCommand.fields(kind: kind, method: method, params: params),
            body: ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": params]
        )
        var told = 0
        var other = "nothing"
        let head = try await call.perform(group: group) { answer, _ in
            if let text = line(answer) {
                told += 1
                tell("\(title)  \(text)")
            } else {
                other = answer.compactText
            }
        }
        guard head.status == 200, told > 0 else { throw Self.silent(title, method, "status \(head.status), \(other)") }
    }

    private static func silent(_ title: String, _ what: String, _ got: String) -> CommandFailure {
        CommandFailure(
            .failed,
            code: "demo",
            message: "the \(title) call \(what) was not answered: \(got)",
            hint: "if this stays so, it is a fault of postern: please report it with this line"
        )
    }

    private static func program() throws -> URL {
        guard let path = Bundle.main.executablePath else {
            throw CommandFailure(
                .failed,
                code: "demo",
                message: "postern does not find itself",
                hint: "start it by its path"
            )
        }
        return URL(fileURLWithPath: path)
    }

    private static func curl(port: Int) -> String {
        let params: JSONValue = ["name": "echo", "arguments": ["text": "hello"]]
        let body: JSONValue = [
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params.withClientMetadata,
        ]
        let fields =
            CallCommand.fields(kind: .mcp, method: "tools/call", params: params)
            + [("content-type", "application/json"), ("accept", "application/json, text/event-stream")]
        let headers = fields.map { " -H '\($0.0): \($0.1)'" }.joined()
        return "curl -s http://127.0.0.1:\(port)/mcp\(headers) -d '\(body.compactText)'"
    }
}
