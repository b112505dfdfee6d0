import PosternModel

/// An argument that cannot be what it stands for, as the command line's parser reports it.
struct ArgumentFault {
    /// What was typed.
    let value: String
    /// The argument or option as the usage shows it: `<peer>`, `--expires <time>`.
    let place: String

    /// What `message` of the parser says; nil: it is about something else.
    init?(message: String) {
        let (before, between) = ("The value '", "' is invalid for '")
        guard message.hasPrefix(before), let middle = message.ranges(of: between).last else { return nil }
        value = String(message[..<middle.lowerBound].dropFirst(before.count))
        place = String(message[middle.upperBound...].prefix { $0 != "'" })
    }

    /// What was read and what was expected.
    var message: String { "\"\(value)\" cannot be \(place)" + (expected.map { ": it takes \($0)" } ?? "") }

    private var expected: String? {
        switch place {
        case "<peer>":
            value.hasPrefix("did:") ? Self.key(value) : "a did:key, a name, an overlay address or an agent:// URI"
        case "<did>", "--by <did>": Self.key(value)
        case "<peer:service>": "a peer and its service, such as research:tools or research:80"
        case "--for <service,…>", "--for <service,…|none>": "names of services with commas between, or all, or none"
        case "--since <time>": "a time in UTC, such as 2026-01-31T12:00:00Z"
        case let place where place.hasSuffix("<time>"): "a number with s, m, h or d behind it, such as 30m or 24h"
        case let place where place.hasSuffix("<n>"), let place where place.hasSuffix("<limit>"): "a whole number"
        case _: nil
        }
    }

    /// What is wrong with a did: those of Ed25519 keys have one length (did:key §3.1.1: `z`, base58 of 34 bytes).
    private static func key(_ text: String) -> String {
        let length = 56
        guard text.hasPrefix("did:key:z6Mk") else { return "a did of the kind did:key:z6Mk… (Ed25519)" }
        return text.count == length
            ? "a did:key, and a character of this one is mistyped; copy it whole"
            : "a did:key of \(length) characters, and this one has \(text.count); copy it whole"
    }
}
