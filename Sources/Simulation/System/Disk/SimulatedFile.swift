/// A file on a disk that can lose power: what a program reads back, and what a crash may leave of it.
package struct SimulatedFile: Sendable {
    /// What a program reads.
    package private(set) var content: [UInt8] = []
    /// What was there when the file was last brought to the disk.
    private var durable: [UInt8] = []

    /// How a program ended without a word.
    package enum Crash: Hashable, Sendable {
        /// The process was killed: what it wrote is with the system.
        case process
        /// The machine lost power: what was not brought to the disk survives in part, and its end may be damaged.
        case power(canDamage: Bool)
    }

    package init() {}

    /// Writes `bytes` at `offset`, over what stands there; at most at the end of the content.
    package mutating func write(_ bytes: [UInt8], at offset: Int) {
        content.replaceSubrange(offset..<min(offset + bytes.count, content.count), with: bytes)
    }

    /// Cuts off what stands behind the first `byteCount` bytes, durably.
    package mutating func truncate(to byteCount: Int) {
        content.removeLast(content.count - byteCount)
        durable = content
    }

    /// Puts `bytes` in the place of the content, durably and as a whole.
    package mutating func replace(with bytes: [UInt8]) {
        content = bytes
        durable = bytes
    }

    /// Brings everything written to the disk.
    package mutating func synchronize() { durable = content }

    /// Leaves what survives `crash`.
    package mutating func survive(_ crash: Crash, _ random: inout SeededRandom) {
        guard case .power(let canDamage) = crash else { return }
        let common = zip(content, durable).prefix { $0 == $1 }.count
        let end = max(content.count, durable.count)
        let cut = random.number(in: common...end)
        let isDamaged = canDamage && random.happens(0.3)
        var left = Array(content.prefix(cut)) + durable.dropFirst(cut)
        if isDamaged, common < min(cut, left.count) {
            left[random.number(in: common...min(cut, left.count) - 1)] ^= 0x20
        }
        content = left
        durable = left
    }
}
