import OverlayCrypto

/// Which numbers a node's first messages may have: `handshake.counter` in the state directory. What it says is always
/// ahead of what is used, and on the disk before that, so that no number comes twice, whatever the clock and the power
/// do (`Protocol.md` §4.9).
///
/// 17 bytes: the first number that nobody may have used (8, big endian); 1 if the program came to its end in order and
/// the replay floors with it, else 0 (1); the first 8 bytes of BLAKE2b-256 over both. The file is replaced whole.
package struct HandshakeCounterFile: Sendable {
    private let path: String
    /// The first number that was free when the file was opened.
    private let start: UInt64
    /// Whether the program before this one came to its end in order. True when there was none.
    package let wasClosed: Bool

    /// Numbers that are reserved at a time.
    private static let block: UInt64 = 1 << 24
    private static let size = 17

    /// Opens the file at `path`. Where there is none numbers begin at `first`. Throws when it is damaged.
    package init(path: String, first: UInt64) throws(StateFileError) {
        self.path = path
        guard SystemFile.status(of: path) != nil else {
            start = first
            wasClosed = true
            return
        }
        let bytes = try StateFile(reading: path).readAll(limit: Self.size + 1)
        guard bytes.count == Self.size, Self.check(bytes[..<9]) == Array(bytes[9...]) else {
            let message = "is damaged: remove it, and peers will tell this node how far it was"
            throw StateFileError(path: path, operation: "read", errorNumber: nil, message: message)
        }
        start = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        wasClosed = bytes[8] == 1
    }

    /// The numbers with which this process begins. They are on the disk as reserved when this returns.
    package func begin() throws(StateFileError) -> Range<UInt64> {
        start..<(try reserve(above: start))
    }

    /// Reserves the numbers above `number`; they are this process's when it returns, up to the one that it gives.
    package func reserve(above number: UInt64) throws(StateFileError) -> UInt64 {
        let limit = number > .max - Self.block ? .max : number + Self.block
        try write(limit, isClosed: false)
        return limit
    }

    /// The program ends: numbers up to `last` are used, and the replay floors are on the disk.
    package func close(after last: UInt64) throws(StateFileError) {
        try write(last == .max ? last : last + 1, isClosed: true)
    }

    private func write(_ number: UInt64, isClosed: Bool) throws(StateFileError) {
        var content = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }
        content.append(isClosed ? 1 : 0)
        content += Self.check(content[...])
        try StateFile.replace(path, with: content, isDurable: true)
    }

    private static func check(_ content: ArraySlice<UInt8>) -> [UInt8] {
        Array(Hash.blake2b(Array(content)).prefix(8))
    }
}
