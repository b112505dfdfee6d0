/// The name of a service: 1…63 of `a-z`, `A-Z`, `0-9`, `-`, `_` and `.`.
package struct ServiceName: Hashable, Comparable, Sendable {
    private let text: String

    /// Bytes that a name may have.
    package static let limit = 63

    /// The name in `text`, or nil when it is none.
    package init?(_ text: some StringProtocol) {
        guard (1...Self.limit).contains(text.utf8.count), text.utf8.allSatisfy(Self.isAllowed) else { return nil }
        self.text = String(text)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        HostName.isLetter(byte) || HostName.isDigit(byte) || "-_.".utf8.contains(byte)
    }

    package static func < (lhs: ServiceName, rhs: ServiceName) -> Bool { lhs.text < rhs.text }
}

extension ServiceName: CustomStringConvertible {
    package var description: String { text }
}
