// What local clients reach, and how.
extension Section {
    /// `proxy:`, where it is more than an address.
    static let proxy = Section(keys: [
        Key(
            name: "listen",
            shape: .text(.loopbackOrOff),
            summary: "the address, or off",
            isRequired: true,
            example: "127.0.0.1:7680"
        ),
        Key(
            name: "others",
            shape: .choice(["refuse", "direct"]),
            summary: "requests for hosts outside the overlay: refused with 403, or passed on to the host itself",
            fallback: .text("refuse")
        ),
        Key(
            name: "origins",
            shape: .list(.text(.origin), distinct: [""], limit: 64),
            summary: "foreign origins of web pages, extensions and shells that may call services of peers",
            fallback: .empty,
            example: "\"vscode-webview://*\""
        ),
    ])

    /// An entry of `reach:`.
    static let reached = Section(
        keys: [
            Key(
                name: "peer",
                shape: .text(.peer),
                summary: "whose service: did, address, name or agent://NAME",
                isRequired: true,
                example: "research"
            ),
            Key(
                name: "key",
                shape: .text(.key),
                summary: "the did that is meant, whatever the name comes to mean",
                example: "did:key:z6Mk..."
            ),
            Key(
                name: "service",
                shape: .text(.service),
                summary: "the service's name at the peer; or give its port",
                example: "planner"
            ),
            Key(name: "port", shape: .integer(1...65279), summary: "the service's virtual port at the peer"),
            Key(
                name: "listen",
                shape: .text(.reachListen),
                summary: "local address, loopback only; without it a free port that stays the same",
                fallback: .told("a free port that stays the same, shown by `postern status`"),
                example: "127.0.0.1:7701"
            ),
            Key(
                name: "push",
                shape: .choice(["loopback", "any", "off"]),
                summary:
                    "which receivers of push notifications clients may register through us, for services of kind a2a",
                fallback: .text("loopback")
            ),
            Key(
                name: "origins",
                shape: .list(.text(.origin), distinct: [""], limit: 64),
                summary: "foreign origins of web pages, extensions and shells that may call; * at the end: anything",
                fallback: .empty,
                example: "\"vscode-webview://*\""
            ),
            Key(
                name: "sseKeepalive",
                shape: .text(.duration),
                summary: "comment lines into event streams that are silent for so long; 0s: none",
                fallback: .text("0s"),
                example: "3s"
            ),
            Key(
                name: "exposeToNetwork",
                shape: .flag,
                summary: "true: listen may be off loopback; then hosts, clients and insecure: true are required",
                fallback: .text("false")
            ),
            insecure,
            Key(
                name: "hosts",
                shape: .list(.text(.hostName), distinct: [""], limit: 16),
                summary: "what clients on other machines may call us in Host",
                fallback: .empty,
                example: "host.docker.internal"
            ),
            Key(
                name: "clients",
                shape: .list(.text(.addressRange), distinct: [""], limit: 64),
                summary: "addresses that clients on other machines may come from",
                fallback: .empty,
                example: "172.17.0.0/16"
            ),
        ],
        exactlyOne: [["service", "port"]]
    )
}
