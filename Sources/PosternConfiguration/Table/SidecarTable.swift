import PosternModel

extension Section {
    /// The configuration of a sidecar: `postern.yaml`.
    static let sidecar = Section(
        keys: [
            Key(
                name: "name",
                shape: .text(.label),
                summary: "how we introduce ourselves to peers",
                fallback: .told("the host's name"),
                example: "planner"
            ),
            Key(
                name: "state",
                shape: .text(.path),
                summary: "directory of key, trust and audit; a relative one starts at this file's directory",
                fallback: .text("~/.local/state/postern")
            ),
            keyFileMode,
            Key(
                name: "hubs",
                shape: .list(.text(.hub), distinct: [""], limit: 8),
                summary: "hubs that help us meet peers; none: only invitations with direct addresses",
                fallback: .empty,
                example: "postern://hub.example.net:4600/did:key:z6Mk..."
            ),
            Key(
                name: "control",
                shape: .textOrSection(.loopbackOrOff, control),
                summary:
                    "status page and HTTP API, loopback only; \"off\": only DIR/control.sock; or {listen, metrics}",
                fallback: .told("127.0.0.1:7600, or any free port when that one is taken"),
                example: "127.0.0.1:7600"
            ),
            Key(
                name: "proxy",
                shape: .textOrSection(.loopbackOrOff, proxy),
                summary:
                    "forward proxy for http://NAME.postern.alt, loopback only; or {listen, others, origins}",
                fallback: .told("off"),
                example: "127.0.0.1:7680"
            ),
            Key(name: "underlay", shape: .section(underlay), summary: "how packets travel"),
            Key(
                name: "expose",
                shape: .list(.section(exposed), distinct: ["service", "port"], limit: 256),
                summary: "what peers may reach: a virtual port leads to a local target",
                fallback: .empty
            ),
            Key(
                name: "reach",
                shape: .list(.section(reached), distinct: ["listen"], limit: 256),
                summary: "services of peers that programs on this machine reach at a local port",
                fallback: .empty
            ),
            Key(
                name: "autoReach",
                shape: .flag,
                summary: "true: every service that a trusted peer offers us gets a local port that stays the same",
                fallback: .text("false")
            ),
            Key(
                name: "networks",
                shape: .list(.text(.label), distinct: [""], limit: 64),
                summary: "the networks to take part in, of those that were joined; omitted: all",
                example: "acme"
            ),
            Key(name: "limits", shape: .section(limits), summary: "how much is open and waits at a time"),
            Key(name: "agent", shape: .section(agent), summary: "what the agent may do over MCP"),
            Key(name: "trust", shape: .section(trust), summary: "who is trusted without you being asked"),
            Key(name: "log", shape: .section(sidecarLog), summary: "what is written to standard error"),
        ]
    )

    /// `keyFileMode` of a sidecar and of a hub.
    static let keyFileMode = Key(
        name: "keyFileMode",
        shape: .choice(["owner", "group"]),
        summary: "who may read the key file besides its owner: nobody (owner), or its group, for volumes with fsGroup",
        fallback: .text("owner")
    )

    private static let control = Section(keys: [
        Key(
            name: "listen",
            shape: .text(.loopbackOrOff),
            summary: "the address, or off",
            fallback: .told("127.0.0.1:7600, or any free port when that one is taken"),
            example: "127.0.0.1:7600"
        ),
        Key(
            name: "metrics",
            shape: .choice(["token", "open"]),
            summary: "who may read /metrics: who has the token, or every program on this machine",
            fallback: .text("token")
        ),
    ])

    private static let agent = Section(keys: [
        Key(
            name: "may",
            shape: .list(.choice(AgentPermission.allCases.map(\.rawValue)), distinct: [""], limit: 16),
            summary:
                "omitted: status, find, request, reach; what widens trust is for you: approve, invite, revoke, network",
            example: "[status, find, request, reach]"
        )
    ])

    /// `log:` of a sidecar: what a hub's has, and the access log.
    private static let sidecarLog = Section(
        keys: log.keys + [
            Key(
                name: "access",
                shape: .flag,
                summary: "true: one line of JSON for each request that passes, without bodies, fields and queries",
                fallback: .text("false")
            )
        ]
    )

    private static let underlay = Section(
        keys: [
            Key(
                name: "listen",
                shape: .text(.listen),
                summary: "UDP address; \"0.0.0.0:0\" also takes [::] where the host has IPv6; port 0: any free one",
                fallback: .text("0.0.0.0:0")
            ),
            Key(
                name: "relay",
                shape: .choice(["auto", "only", "never"]),
                summary: "auto: direct where possible, else through a hub; only: through one; never: direct alone",
                fallback: .text("auto")
            ),
            Key(
                name: "padding",
                shape: .choice(["none", "buckets"]),
                summary: "buckets: packets have one of four sizes, so that they tell less of what is in them",
                fallback: .text("none")
            ),
            Key(
                name: "websocket",
                shape: .flag,
                summary: "whether a hub is reached over WebSocket where UDP is blocked (HTTPS_PROXY is respected)",
                fallback: .text("true")
            ),
            Key(
                name: "ca",
                shape: .text(.path),
                summary: "PEM file of the authorities for wss:// hubs; without it those that the system trusts",
                isAlternative: true
            ),
            Key(
                name: "portMapping",
                shape: .flag,
                summary: "whether the gateway is asked to lead a port here (PCP, NAT-PMP, UPnP)",
                fallback: .text("true")
            ),
            Key(
                name: "guessPorts",
                shape: .flag,
                summary: "whether ports are guessed where a NAT takes another one for each peer",
                fallback: .text("true")
            ),
        ]
    )

    private static let exposed = Section(
        keys: [
            Key(
                name: "service",
                shape: .text(.service),
                summary: "the name that peers see",
                isRequired: true,
                example: "planner"
            ),
            Key(
                name: "port",
                shape: .integer(1...65279),
                summary: "the virtual port that peers open (65280 and up are Postern's own)",
                isRequired: true,
                example: "80"
            ),
            Key(
                name: "kind",
                shape: .choice(["mcp", "a2a", "http", "tcp", "udp", "stdio"]),
                summary: "what is spoken: mcp, a2a, http: HTTP/1.1; tcp, udp: bytes as they are; stdio: to a program",
                isRequired: true,
                example: "a2a"
            ),
            Key(
                name: "upstream",
                shape: .text(.upstream),
                summary:
                    "where the agent listens: http://HOST:PORT, https://HOST:PORT, or HOST:PORT for kinds tcp and udp",
                example: "http://127.0.0.1:9999"
            ),
            Key(
                name: "command",
                shape: .list(.text(.argument), distinct: [], limit: 64),
                summary: "for kind stdio, in the place of upstream: the program and its arguments",
                isAlternative: true
            ),
            Key(
                name: "environment",
                shape: .texts(names: .variable, values: .argument, limit: 64),
                summary: "for kind stdio: variables of the program beside PATH, HOME and the like"
            ),
            Key(
                name: "bridge",
                shape: .flag,
                summary: "for kind stdio: true: the program is an MCP server, and peers reach it over HTTP",
                fallback: .text("false"),
                isAlternative: true
            ),
            Key(
                name: "tls",
                shape: .section(upstreamTLS),
                summary: "for https: how the agent's certificate is verified"
            ),
            insecure,
            Key(
                name: "allow",
                shape: .list(.text(.allowance), distinct: [""], limit: 256),
                summary:
                    "who may use it: trusted (all we trust), network:NAME, group:NAME/GROUP, or peers; empty: nobody",
                fallback: .empty,
                example: "trusted"
            ),
            Key(
                name: "publish",
                shape: .list(.text(.allowance), distinct: [""], limit: 64),
                summary: "whose members find it with `postern find`: network:NAME or group:NAME/GROUP; empty: nobody",
                fallback: .empty,
                example: "network:acme"
            ),
            Key(
                name: "host",
                shape: .choice(["upstream", "preserve"]),
                summary: "the Host header that the agent sees: its own (upstream) or the client's (preserve)",
                fallback: .text("upstream")
            ),
            Key(
                name: "grpc",
                shape: .text(.grpcUpstream),
                summary:
                    "for kind a2a: where the agent speaks gRPC, PORT or HOST:PORT; clients use the same local port",
                example: "127.0.0.1:50051"
            ),
            Key(
                name: "signedCards",
                shape: .choice(["strip", "passthrough", "resign", "reject"]),
                summary: "for kind a2a: signed cards lose their signatures, stay, are signed anew, or are refused",
                fallback: .text("strip")
            ),
            Key(
                name: "cardKeys",
                shape: .text(.path),
                summary: "for kind a2a: JSON Web Key Set; a card that none of its keys has signed is refused",
                isAlternative: true,
                example: "card-keys.json"
            ),
            Key(
                name: "push",
                shape: .flag,
                summary: "for kind a2a: receivers of push notifications lead back to the peer that registers them",
                fallback: .text("true")
            ),
            Key(
                name: "resourceMetadata",
                shape: .choice(["rewrite", "keep"]),
                summary:
                    "agents with authorization: their name as a resource becomes the client's, or stays",
                fallback: .text("rewrite")
            ),
            Key(
                name: "methods",
                shape: .section(methods),
                summary:
                    "for kinds mcp and a2a: what peers may call; tools denied as tools/call:NAME leave tools/list",
                example: "{deny: []}"
            ),
            Key(
                name: "identity",
                shape: .section(identity),
                summary: "other names for the fields that tell the agent who calls"
            ),
            Key(
                name: "limits",
                shape: .section(serviceLimits),
                summary: "what one peer may ask of it at a time, and in a minute",
                example: "{concurrency: 64, requestsPerMinute: 600}"
            ),
        ],
        requirements: [
            Requirement(key: "kind", values: ["mcp", "a2a", "http", "tcp", "udp"], subject: "upstream"),
            Requirement(key: "kind", values: ["stdio"], subject: "command"),
        ],
        conditions: [
            [
                Condition(key: "kind", values: ["mcp", "a2a", "http"], subject: "upstream", form: .httpUpstream),
                Condition(key: "kind", values: ["tcp"], subject: "upstream", form: .tcpUpstream),
                Condition(key: "kind", values: ["udp"], subject: "upstream", form: .udpUpstream),
            ],
            forbidden(["command", "environment", "bridge"], for: ["mcp", "a2a", "http", "tcp", "udp"]),
            forbidden(["upstream", "insecure"], for: ["stdio"]),
            forbidden(["host", "identity", "tls"], for: ["tcp", "udp", "stdio"]),
            forbidden(["grpc", "signedCards", "cardKeys", "push"], for: ["mcp", "http", "tcp", "udp", "stdio"]),
            forbidden(["methods"], for: ["http", "tcp", "udp"]),
            forbidden(["resourceMetadata"], for: ["http", "tcp", "udp", "stdio"]),
        ].flatMap(\.self)
    )

    private static let identity = Section(
        keys: [
            Key(
                name: "Postern-Peer",
                shape: .text(.fieldName),
                summary: "for the peer's did",
                fallback: .text("Postern-Peer"),
                example: "X-Caller"
            ),
            Key(
                name: "Postern-Peer-Name",
                shape: .text(.fieldName),
                summary: "for how the peer is called here",
                fallback: .text("Postern-Peer-Name")
            ),
            Key(
                name: "Postern-Network",
                shape: .text(.fieldName),
                summary: "for the network in which it is known",
                fallback: .text("Postern-Network")
            ),
            Key(
                name: "assertion",
                shape: .flag,
                summary:
                    "true: Postern-Assertion, a JWT of this node; its key is at /.well-known/jwks.json of control",
                fallback: .text("false")
            ),
        ]
    )

    private static let methods = Section(keys: [
        Key(
            name: "allow",
            shape: .list(.text(.methodPattern), distinct: [""], limit: 256),
            summary: "METHOD or METHOD:NAME, with * for anything; when it is given, everything else is denied"
        ),
        Key(
            name: "deny",
            shape: .list(.text(.methodPattern), distinct: [""], limit: 256),
            summary: "the same; beats allow",
            fallback: .empty
        ),
    ])

    private static let serviceLimits = Section(keys: [
        Key(
            name: "concurrency",
            shape: .integer(1...1_000_000),
            summary: "connections of one peer at a time, those that its clients keep open included"
        ),
        Key(
            name: "requestsPerMinute",
            shape: .integer(1...100_000_000),
            summary: "requests of one peer in a minute; for kinds tcp and udp its connections"
        ),
    ])

    /// `log:` of a sidecar and of a hub.
    static let log = Section(keys: [
        Key(
            name: "level",
            shape: .choice(["trace", "debug", "info", "notice", "warning", "error"]),
            summary: "the least severe lines that are written",
            fallback: .text("info")
        ),
        Key(
            name: "format",
            shape: .choice(["text", "json"]),
            summary: "text for people, json for programs (one object a line)",
            fallback: .text("text")
        ),
    ])
}
