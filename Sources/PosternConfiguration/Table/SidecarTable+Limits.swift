import PosternModel

extension Section {
    static let limits = Section(keys: [
        Key(
            name: "connections",
            shape: .integer(16...1_000_000),
            summary: "connections of clients and peers at a time; at least a quarter is left to either",
            fallback: .told("what the open-file limit has room for, at most 16384"),
            example: "4096"
        ),
        Key(
            name: "connectionsPerPeer",
            shape: .integer(1...1_000_000),
            summary: "connections of one peer at a time; fewer while other peers have many",
            fallback: .told("2048"),
            example: "256"
        ),
        Key(
            name: "memoryMiB",
            shape: .integer(64...1_048_576),
            summary: "memory for everything that waits to be sent or read; taken up at the next start",
            fallback: .told("512"),
            example: "512"
        ),
    ])
}
