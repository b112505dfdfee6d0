/// The end of a chain of lines: what the next line follows.
package struct ChainHead: Hashable, Sendable {
    /// The number of the last line; 0 when there is none.
    package let sequence: Int64
    /// The hash of the last line, 64 hexadecimal digits; zeros when there is none.
    package let hash: String

    package init(sequence: Int64, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    /// The head of an empty chain.
    package static let empty = ChainHead(sequence: 0, hash: String(repeating: "0", count: 64))
}
