import NIOCore
import PosternModel

/// A session with an MCP server of 2025-11-25 or before, which answers nothing without one.
struct MCPSession: Sendable {
    /// The header that names a session.
    static let field = "mcp-session-id"
    private static let newest = "2025-11-25"
    /// UnsupportedProtocolVersion (MCP 2026-07-28, basic/versioning).
    private static let unsupportedVersion = -32_022

    private let port: Int
    private let path: String
    private let group: any EventLoopGroup
    /// What every request of the session has.
    private let fields: [(String, String)]

    /// Whether a stateless call that was answered so may succeed in a session.
    static func mayHelp(_ document: JSONValue?, _ head: JSONRPCCall.Head) -> Bool {
        guard head.sidecarError == nil else { return false }
        return head.status == 400 || document?["error"]?["code"]?.integer == Int64(unsupportedVersion)
    }

    /// Begins a session at `path`; nil: the server begins none.
    init?(path: String, port: Int, group: any EventLoopGroup) async throws {
        let begin = JSONRPCCall(
            port: port,
            path: path,
            fields: [],
            body: [
                "jsonrpc": "2.0", "id": 0, "method": "initialize",
                "params": [
                    "protocolVersion": .string(Self.newest), "capabilities": [:],
                    "clientInfo": ["name": "postern", "version": .string(Postern.version)],
                ],
            ]
        )
        var result: JSONValue?
        let head = try await begin.perform(group: group) { document, _ in result = document["result"] ?? result }
        guard head.isSuccess, let version = result?["protocolVersion"]?.string else { return nil }
        self.port = port
        self.path = path
        self.group = group
        fields = [("mcp-protocol-version", version)] + (head.session.map { [(Self.field, $0)] } ?? [])
        let ready: JSONValue = ["jsonrpc": "2.0", "method": "notifications/initialized"]
        _ = try await call(ready).perform(group: group) { _, _ in }
    }

    /// The call of `body` in the session.
    func call(_ body: JSONValue) -> JSONRPCCall { JSONRPCCall(port: port, path: path, fields: fields, body: body) }

    /// Ends it. A server that keeps it forgets it by itself.
    func end() async {
        guard fields.count > 1 else { return }
        try? await JSONRPCCall.end(path: path, port: port, fields: fields, group: group)
    }
}
