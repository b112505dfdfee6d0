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
            keyFileMode,
            Key(
                name: "public",
                shape: .list(.text(.host), distinct: [""], limit: 8),
                summary: "names and addresses under which nodes reach the hub; the first stands in the URL it prints",
                fallback: .empty,
                example: "hub.example.net"
            ),
            Key(
                name: "websocket",
                shape: .textOrSection(.listenOrOff, websocket),
                summary: "TCP address for nodes whose UDP is blocked, or off; or {listen, certificate, key, url}",
                fallback: .told("the TCP port with the number of `listen`, if it is free"),
                example: "0.0.0.0:443"
            ),
            Key(
                name: "database",
                shape: .textOrSection(.database, database),
                summary: "PostgreSQL, which several hubs may share; or {url, insecure, secret}",
                fallback: .told("SQLite, in the state directory"),
                example: "postgresql://postern@db.example.net/postern?sslmode=verify-full"
            ),
            Key(
                name: "control",
                shape: .textOrSection(.loopbackOrOff, hubControl),
                summary: "status page and /metrics, loopback only; \"off\": only DIR/control.sock",
                fallback: .told("off"),
                example: "127.0.0.1:7601"
            ),
            Key(name: "admission", shape: .section(admission), summary: "whom the hub serves"),
            Key(
                name: "admins",
                shape: .list(.text(.key), distinct: [""], limit: 64),
                summary: "keys of sidecars from which the hub may be administered: postern hub --at URL admin …",
                fallback: .empty,
                example: "did:key:z6Mk..."
            ),
            Key(name: "limits", shape: .section(hubLimits), summary: "what nodes may take, and networks (/24, /48)"),
            Key(name: "log", shape: .section(log), summary: "what is written to standard error"),
        ]
    )

    private static let websocket = Section(keys: [
        Key(
            name: "listen",
            shape: .text(.listenOrOff),
            summary: "the address, or off",
            fallback: .told("the TCP port with the number of `listen`"),
            example: "0.0.0.0:443"
        ),
        Key(
            name: "certificate",
            shape: .text(.path),
            summary: "PEM file of the certificate and what leads to its authority; without it no TLS is spoken",
            example: "fullchain.pem"
        ),
        Key(
            name: "key",
            shape: .text(.path),
            summary: "PEM file of the certificate's private key",
            example: "privkey.pem"
        ),
        Key(
            name: "url",
            shape: .text(.websocket),
            summary: "where nodes reach it, if a reverse proxy stands before it",
            example: "wss://hub.example.net/postern"
        ),
    ])

    private static let admission = Section(keys: [
        Key(
            name: "closed",
            shape: .flag,
            summary: "true: only nodes of allow may register; others may still ask for a node that let them",
            fallback: .text("false")
        ),
        Key(
            name: "allow",
            shape: .list(.text(.key), distinct: [""], limit: 100_000),
            summary: "keys of nodes that may register with a closed hub",
            fallback: .empty,
            example: "did:key:z6Mk..."
        ),
    ])

    private static let hubControl = Section(keys: [
        Key(
            name: "listen",
            shape: .text(.loopbackOrOff),
            summary: "the address, or off",
            isRequired: true,
            example: "127.0.0.1:7601"
        ),
        Key(
            name: "metrics",
            shape: .choice(["token", "open"]),
            summary: "who may read /metrics: who has the token, or every program on this machine",
            fallback: .text("token")
        ),
    ])

    private static let database = Section(keys: [
        Key(
            name: "url",
            shape: .text(.database),
            summary: "the database; a password stands better in ~/.pgpass",
            isRequired: true,
            example: "postgresql://postern@db.example.net/postern?sslmode=verify-full"
        ),
        Key(
            name: "insecure",
            shape: .flag,
            summary: "true: the connection may leave this host without TLS, for others to read and change",
            fallback: .text("false")
        ),
        Key(
            name: "secret",
            shape: .text(.path),
            summary: "what the hubs of one database have in common; copy it from the first of them to the others",
            fallback: .told("cluster.secret in the state directory"),
            example: "/etc/postern/cluster.secret"
        ),
    ])

    private static let hubLimits = Section(keys: [
        Key(
            name: "nodes",
            shape: .integer(1...100_000_000),
            summary: "registered nodes; further ones are told that the hub is full",
            fallback: .told("1000000"),
            example: "10000"
        ),
        Key(
            name: "newNodesPerHour",
            shape: .integer(1...1_000_000),
            summary: "nodes of one network that register for the first time in an hour",
            fallback: .told("240"),
            example: "1000"
        ),
        Key(
            name: "strangerMailPerHour",
            shape: .integer(1...1_000_000),
            summary: "requests of strangers that one network leaves in an hour",
            fallback: .told("20"),
            example: "100"
        ),
        Key(
            name: "strangerMailMiB",
            shape: .integer(1...1_048_576),
            summary: "disk for requests of strangers that wait",
            fallback: .told("256"),
            example: "1024"
        ),
        Key(
            name: "requestsPerMinute",
            shape: .integer(1...100_000_000),
            summary: "requests of one node",
            fallback: .told("1200"),
            example: "600"
        ),
        Key(
            name: "sourceRequestsPerMinute",
            shape: .integer(1...100_000_000),
            summary: "requests of all nodes that come from one network (/24, /48)",
            fallback: .told("24000"),
            example: "12000"
        ),
        Key(
            name: "entriesPerMinute",
            shape: .integer(1...100_000_000),
            summary: "entries that one network of members writes",
            fallback: .told("60"),
            example: "30"
        ),
        Key(
            name: "questionsPerMinute",
            shape: .integer(1...100_000_000),
            summary: "what the members of one network ask about it and about each other",
            fallback: .told("30000"),
            example: "6000"
        ),
        Key(
            name: "relayMbitPerPair",
            shape: .integer(1...1_000_000),
            summary: "Mbit/s that are relayed between two nodes, each way",
            fallback: .told("100"),
            example: "20"
        ),
        Key(
            name: "relayMbitPerNode",
            shape: .integer(1...1_000_000),
            summary: "Mbit/s that are relayed for one node, for all that it sends",
            fallback: .told("200"),
            example: "50"
        ),
    ])
}
