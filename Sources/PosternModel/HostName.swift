/// The syntax of host names and of their labels.
package enum HostName {
    /// Longest label of a host name, in bytes (RFC 1035 §2.3.4).
    package static let labelLimit = 63
    /// Longest host name, in bytes (RFC 1035 §2.3.4).
    private static let nameLimit = 253

    /// Whether `text` is a DNS name or a dotted IPv4 address. Besides letters, digits and inner hyphens (RFC 1123
    /// §2.1) a label may hold underscores, as the names of containers and of Windows hosts do (RFC 2181 §11).
    package static func isValid(_ text: some StringProtocol) -> Bool {
        guard (1...nameLimit).contains(text.utf8.count) else { return false }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy({ label in isLabel(String(label.map { $0 == "_" ? "x" : $0 })) }) else { return false }
        // RFC 1123 §2.1: a name whose last label is a number is an address, or nothing.
        let last = text.utf8.reversed().prefix { $0 != UInt8(ascii: ".") }
        return last.allSatisfy(isDigit) ? IPv4Text.parse(text) != nil : true
    }

    /// Whether `text` is one or more labels with dots between, in either case of letters.
    package static func isDotted(_ text: some StringProtocol) -> Bool {
        guard (1...nameLimit).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLabel($0) }
    }

    /// Whether `text` is one label, in either case of letters (RFC 1123 §2.1).
    package static func isLabel(_ text: some StringProtocol) -> Bool {
        guard (1...labelLimit).contains(text.utf8.count), !text.hasPrefix("-"), !text.hasSuffix("-") else {
            return false
        }
        return text.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
    }

    /// Whether `text` is one label without capital letters.
    package static func isLowercaseLabel(_ text: some StringProtocol) -> Bool {
        isLabel(text) && !text.utf8.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    /// The label in lower case that comes nearest to `text`: hyphens stand for what a label cannot hold. Nil when
    /// nothing is left.
    package static func label(from text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        for byte in text.lowercased().utf8 {
            if isLetter(byte) || isDigit(byte) {
                bytes.append(byte)
            } else if let last = bytes.last, last != UInt8(ascii: "-") {
                bytes.append(UInt8(ascii: "-"))
            }
        }
        bytes = Array(bytes.prefix(labelLimit))
        while bytes.last == UInt8(ascii: "-") { bytes.removeLast() }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

    /// Whether `byte` is one of 0…9.
    package static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}
