/// What `expose` says of the ways to agents.
extension Section {
    /// Keys that have no meaning for services of some kinds.
    static func forbidden(_ keys: [String], for kinds: [String]) -> [Condition] {
        keys.map { Condition(key: "kind", values: kinds, subject: $0, form: nil) }
    }

    static let upstreamTLS = Section(keys: [
        Key(
            name: "ca",
            shape: .text(.path),
            summary: "PEM file of the authorities that may have issued it; without it those that the system trusts",
            example: "agent-ca.pem"
        ),
        Key(
            name: "serverName",
            shape: .text(.hostName),
            summary: "the name that it is for; without it the host of upstream",
            example: "agent.internal"
        ),
    ])

    /// `insecure` of an exposed and of a reached service (RULES L).
    static let insecure = Key(
        name: "insecure",
        shape: .flag,
        summary: "true: what leaves this host here may do so without TLS, for whoever is on the way to read and change",
        fallback: .text("false")
    )
}
