import OverlayCrypto
package import PosternModel

/// Up to which counter each peer's first messages are spent: what keeps early data from being taken twice across a
/// restart. The overlay waits for each write, which therefore happens on its own loop and not on the ``StateQueue``:
/// one small write into the system's cache, without a sync. Each peer has one slot that is written in place.
///
/// A slot is 48 bytes: the peer's key (32), the counter (8, big endian), and the first 8 bytes of BLAKE2b-256 over
/// both. A slot whose check does not hold is empty. Writes are with the system when they return: they survive the end
/// of the process; what a power failure takes is at most the floors of its last moments.
package final class ReplayFloorFile {
    private let file: StateFile
    private var slots: [NodeKey: Int] = [:]
    private var floors: [NodeKey: UInt64] = [:]
    private var slotCount: Int

    private static let slotSize = 48

    /// The floors in the file at `path`, which is made when it is not there.
    package init(path: String) throws(StateFileError) {
        file = try StateFile(path: path)
        let bytes = try file.readAll()
        slotCount = bytes.count / Self.slotSize
        for slot in 0..<slotCount {
            let content = Array(bytes[slot * Self.slotSize..<(slot + 1) * Self.slotSize])
            guard Self.check(content[..<40]) == Array(content[40...]), let key = NodeKey(bytes: Array(content[..<32]))
            else { continue }
            slots[key] = slot
            floors[key] = content[32..<40].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    /// The floor of `peer`; 0 when nothing of it is spent.
    package func floor(of peer: NodeKey) -> UInt64 { floors[peer] ?? 0 }

    /// Raises the floor of `peer`.
    package func raise(_ peer: NodeKey, to counter: UInt64) throws(StateFileError) {
        guard counter > floor(of: peer) else { return }
        let slot = slots[peer] ?? slotCount
        var content = peer.bytes
        for shift in stride(from: 56, through: 0, by: -8) {
            content.append(UInt8(truncatingIfNeeded: counter >> UInt64(shift)))
        }
        content += Self.check(content[...])
        try file.write(content, at: slot * Self.slotSize)
        floors[peer] = counter
        if slots.updateValue(slot, forKey: peer) == nil { slotCount += 1 }
    }

    /// Returns when all floors are on the disk.
    package func synchronize() throws(StateFileError) { try file.synchronize() }

    private static func check(_ content: ArraySlice<UInt8>) -> [UInt8] {
        Array(Hash.blake2b(Array(content)).prefix(8))
    }
}
