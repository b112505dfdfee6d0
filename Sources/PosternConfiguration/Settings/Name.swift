import OverlayWire

/// The texts that name nodes, hosts, services and peers.
package enum Name {
    /// Longest label of a host name, in bytes (RFC 1035 §2.3.4).
    private static let labelLimit = 63

    /// Whether `text` is a label in lower case: RFC 1123 §2.1 without capitals.
    package static func isLabel(_ text: some StringProtocol) -> Bool {
        isHostLabel(text) && !text.utf8.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    /// Whether `text` can name a service.
    package static func isService(_ text: some StringProtocol) -> Bool {
        guard (1...labelLimit).contains(text.utf8.count) else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || "-_.".utf8.contains($0) }
    }

    /// Whether `text` is a DNS name of at most 253 bytes or a dotted IPv4 address.
    package static func isHost(_ text: some StringProtocol) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy({ isHostLabel($0) }), let last = labels.last else { return false }
        return last.allSatisfy(\.isASCIIDigit) ? Endpoint("\(text):1") != nil : true
    }

    /// Whether `text` can stand where a peer is named: a did, an overlay address, a dotted name, or one of these in an
    /// `agent://` URI.
    package static func isPeer(_ text: some StringProtocol) -> Bool {
        let scheme = "agent://"
        if text.hasPrefix(scheme) {
            let rest = text.dropFirst(scheme.count)
            return isBarePeer(rest.hasSuffix("/") ? rest.dropLast() : rest)
        }
        return isBarePeer(text[...])
    }

    /// The label that comes nearest to `text`, such as a host name: its first part, in lower case, with hyphens for
    /// what a label cannot hold. `postern` when nothing is left.
    package static func label(from text: String) -> String {
        let first = text.prefix { $0 != "." }.lowercased()
        var bytes: [UInt8] = []
        for byte in first.utf8.prefix(labelLimit) {
            if isLetterOrDigit(byte) {
                bytes.append(byte)
            } else if let last = bytes.last, last != UInt8(ascii: "-") {
                bytes.append(UInt8(ascii: "-"))
            }
        }
        while bytes.last == UInt8(ascii: "-") { bytes.removeLast() }
        return bytes.isEmpty ? "postern" : String(decoding: bytes, as: UTF8.self)
    }

    private static func isBarePeer(_ text: some StringProtocol) -> Bool {
        if text.hasPrefix("did:") { return NodeKey(did: text) != nil }
        if text.contains(":") { return OverlayAddress(text) != nil }
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isHostLabel($0) }
    }

    private static func isHostLabel(_ text: some StringProtocol) -> Bool {
        guard (1...labelLimit).contains(text.utf8.count), !text.hasPrefix("-"), !text.hasSuffix("-") else {
            return false
        }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case _: false
        }
    }
}
