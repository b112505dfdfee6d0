// Who is trusted without the operator being asked.
extension Section {
    static let trust = Section(keys: [
        Key(
            name: "accept",
            shape: .list(.section(acceptance), distinct: [], limit: 16),
            summary: "rules by which requests for trust are accepted without you; every other request waits for you",
            fallback: .empty
        )
    ])

    private static let acceptance = Section(keys: [
        Key(
            name: "from",
            shape: .list(.text(.asker), distinct: [""], limit: 64),
            summary: "who: peers, network:NAME, group:NAME/GROUP, trusted (who asks for more), or anyone",
            isRequired: true,
            example: "network:acme"
        ),
        Key(
            name: "services",
            shape: .list(.text(.service), distinct: [""], limit: 64),
            summary: "what of ours they get at most; a request that names anything else waits for you",
            isRequired: true,
            example: "planner"
        ),
        Key(
            name: "perDay",
            shape: .integer(1...10_000),
            summary: "how many requests are accepted in 24 hours for each of the services",
            fallback: .text("10")
        ),
    ])
}
