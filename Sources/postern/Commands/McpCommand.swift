import ArgumentParser
import Foundation
import NIOPosix
import PosternModel
import SidecarControl
import StateStore
import Synchronization

/// `postern mcp`
struct McpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp",
        abstract: "The agent's tools over standard input and output: an MCP server that MCP clients start.",
        discussion: """
            In the configuration of an MCP client:
              {"mcpServers": {"postern": {"command": "postern", "args": ["mcp"]}}}
            The same tools are at POST /mcp of the control address, with the token as bearer. What the agent may do is \
            `agent: {may: [...]}` of the configuration; who asked is in the audit trail.

            A sidecar that is not running, or is started again, ends nothing: calls are answered with an error until \
            it is there. Exit status: 0 when standard input ended.
            """
    )

    @Flag(name: .long, help: "Tell by a JSON document too why it cannot begin; what it prints else is JSON anyway.")
    var json = false

    @OptionGroup var sidecar: SidecarOptions

    func run() async throws {
        let client = ControlClient(
            group: MultiThreadedEventLoopGroup.singleton,
            socketPath: try sidecar.stateDirectory().socketPath
        )
        let conversation = AgentConversation(client: client)
        await withTaskGroup { group in
            for await line in StandardInputLines.lines() {
                // What begins a session comes before what belongs to it.
                if conversation.begins(line) {
                    await conversation.pass(line)
                } else {
                    group.addTask { await conversation.pass(line) }
                }
            }
        }
    }
}

/// The lines of standard input, read on a thread of their own.
private enum StandardInputLines {
    static func lines() -> AsyncStream<String> {
        AsyncStream { continuation in
            let thread = Thread {
                while let line = readLine() { continuation.yield(line) }
                continuation.finish()
            }
            thread.name = "standard input"
            thread.start()
        }
    }
}

/// Passes messages on to the sidecar, and what comes back to standard output.
private final class AgentConversation: Sendable {
    private let client: ControlClient
    private let session = Mutex<String?>(nil)
    /// One line at a time.
    private let output = Mutex(())

    init(client: ControlClient) {
        self.client = client
    }

    /// Whether others wait until this message is answered.
    func begins(_ line: String) -> Bool { Self.document(line)?["method"] == "initialize" }

    func pass(_ line: String) async {
        guard line.contains(where: { !$0.isWhitespace }) else { return }
        do {
            let begun = try await client.tellAgent(Array(line.utf8), session: session.withLock { $0 }) { reply in
                say(Self.message(reply, answering: line))
            }
            if let begun { session.withLock { $0 = begun } }
        } catch {
            guard let id = Self.document(line)?["id"] else { return }
            let failure = (error as? ControlClientError).map { CommandFailure($0) }
            let text = failure.map { "\($0.message); \($0.hint)" } ?? "the sidecar did not answer: \(error)"
            say(Self.error(text, answering: id))
        }
    }

    /// `reply` as a message of MCP: what the sidecar says of a request that it does not take is none.
    private static func message(_ reply: JSONValue, answering line: String) -> JSONValue {
        guard reply["jsonrpc"] == nil, let said = reply["error"] else { return reply }
        let texts = [said["message"], said["hint"]].compactMap { $0?.string }
        return error(texts.joined(separator: "; "), answering: document(line)?["id"] ?? .null)
    }

    private static func error(_ text: String, answering id: JSONValue) -> JSONValue {
        ["jsonrpc": "2.0", "id": id, "error": ["code": -32_010, "message": .string(text)]]
    }

    private func say(_ message: JSONValue) {
        output.withLock { _ in Console.print(message.compactText) }
    }

    private static func document(_ line: String) -> JSONValue? { try? JSONValue(parsing: line) }
}
