import PosternModel

/// What becomes of the addresses by which an agent names itself as a protected resource (RFC 9728).
package enum ResourceMetadata: String, Hashable, Sendable {
    /// They become those by which the client reached us; so does the audience of the tokens that it gets.
    case rewrite
    /// They stay.
    case keep
}

/// Finds the documents that describe a protected resource (RFC 9728 §3).
struct ResourceMetadataRules: BodyPolicy {
    let agent: AgentAddresses

    private static let path: StaticString = "/.well-known/oauth-protected-resource"

    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? {
        // Nearly every request is decided by the second octet of its path.
        let target = head.target
        guard target.count >= Self.path.utf8CodeUnitCount, bytes[target.lowerBound + 1] == UInt8(ascii: "."),
            bytes.hasPrefix(target, Self.path), head.isHeadRequest || bytes.hasPrefix(0..<4, "get ")
        else { return nil }
        let authority = String(decoding: bytes.copy(host), as: UTF8.self)
        return DocumentExchange(
            ResourceMetadataRewriter(agent: agent, authority: authority),
            isHead: head.isHeadRequest
        )
    }
}

/// Makes the `resource` of a document the address by which the client reached us: clients compare the two. Its
/// authorization servers stay as they are.
struct ResourceMetadataRewriter: DocumentRewriter {
    let agent: AgentAddresses
    let authority: String

    var variant: String { "resource \(authority)" }
    var tooLarge: GatewayError { .documentTooLarge }

    func rewrite(_ document: JSONValue) -> JSONValue? {
        guard case .object(var metadata) = document, let text = metadata["resource"]?.string,
            let address = WebAddress(text), agent.contain(address)
        else { return nil }
        metadata["resource"] = .string(address.moved(to: authority))
        return .object(metadata)
    }
}

/// Makes the `resource_metadata` of a challenge an address that the client can reach (RFC 9728 §5.1).
struct ChallengeRules: Sendable {
    let agent: AgentAddresses

    private static let parameter: StaticString = "resource_metadata"

    /// What becomes of the value of `WWW-Authenticate` for a client that knows us as `authority`.
    func edit(_ value: [UInt8], for authority: [UInt8]) -> FieldEdit {
        var result: [UInt8] = []
        var copied = 0
        for range in Self.addresses(in: value) {
            let text = String(decoding: value[range], as: UTF8.self)
            guard let address = WebAddress(text), agent.contain(address) else { continue }
            result += value[copied..<range.lowerBound]
            result += address.moved(to: String(decoding: authority, as: UTF8.self)).utf8
            copied = range.upperBound
        }
        return copied == 0 ? .keep : .replace(result + value[copied...])
    }

    /// Where the values of the parameter stand, without their quotes.
    private static func addresses(in value: [UInt8]) -> [Range<Int>] {
        let bytes = value.span
        var ranges: [Range<Int>] = []
        var position = 0
        while position < value.count {
            guard bytes.hasPrefix(position..<value.count, parameter) else {
                position += 1
                continue
            }
            position += parameter.utf8CodeUnitCount
            while position < value.count, value[position] == ASCII.space { position += 1 }
            guard position < value.count, value[position] == UInt8(ascii: "=") else { continue }
            position += 1
            while position < value.count, value[position] == ASCII.space { position += 1 }
            let isQuoted = position < value.count && value[position] == UInt8(ascii: "\"")
            if isQuoted { position += 1 }
            let start = position
            while position < value.count, !endsParameter(value[position], isQuoted: isQuoted) { position += 1 }
            ranges.append(start..<position)
        }
        return ranges
    }

    private static func endsParameter(_ octet: UInt8, isQuoted: Bool) -> Bool {
        octet == UInt8(ascii: "\"") || !isQuoted && (octet == UInt8(ascii: ",") || octet == ASCII.space)
    }
}
