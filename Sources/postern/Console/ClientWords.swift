import PosternModel

/// What a client of a reached service is told, to be pasted.
struct ClientWords {
    let target: RemoteService
    let listen: HostPort

    private var name: String { target.service.name?.description ?? "\(target.peer)" }

    /// The lines for a service of `kind`; nil: nobody knows it yet.
    func lines(for kind: ServiceKind?) -> [String] {
        switch kind {
        case nil: ["clients call http://\(listen), MCP clients http://\(listen)/mcp"]
        case .mcp:
            [
                "for Claude Code: claude mcp add --transport http \(name) http://\(listen)/mcp",
                #"for others:      {"mcpServers": {"\#(name)": {"type": "http", "url": "http://\#(listen)/mcp"}}}"#,
            ]
        case .a2a: ["for example: curl http://\(listen)/.well-known/agent-card.json"]
        case .http: ["for example: curl http://\(listen)/"]
        case .tcp, .udp: ["clients connect to \(listen)"]
        case .stdio:
            [
                #"{"mcpServers": {"\#(name)": {"command": "postern", "args": ["connect", "#
                    + #""\#(target.peer):\#(target.service.text)"]}}}"#
            ]
        }
    }
}
