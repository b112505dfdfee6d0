extension Section {
    /// The configuration of a hub: `hub.yaml`.
    static let hub = Section(
        keys: [
            Key(
                name: "listen",
                shape: .text(.listen),
                summary: "UDP address that nodes reach",
                fallback: .text("0.0.0.0:4600")
            ),
            Key(
                name: "state",
                shape: .text(.path),
                summary: "directory of key and database; a relative one starts at this file's directory",
                fallback: .text("~/.local/state/postern-hub")
            ),
            Key(
                name: "public",
                shape: .list(.text(.host), distinct: [""], limit: 8),
                summary: "names and addresses under which nodes reach the hub; the first stands in the URL it prints",
                fallback: .empty,
                example: "hub.example.net"
            ),
            Key(name: "log", shape: .section(log), summary: "what is written to standard error"),
        ],
        later: ["database", "websocket", "limits", "control"]
    )
}
