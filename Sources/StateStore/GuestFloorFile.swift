import OverlayCrypto
package import PosternModel

/// Up to which counter the processes that redeem an invitation have spent their first messages: a recorded redemption
/// that somebody repeats gets no answer, also after a restart, for as long as the invitation is remembered. Written as
/// ``ReplayFloorFile`` is: without a sync, by whoever waits for it.
///
/// A slot is 56 bytes: the guest's key (32), the process (8), the counter (8, both big endian), and the first 8 bytes
/// of BLAKE2b-256 over all that. A slot whose check does not hold is empty; those of invitations that are forgotten are
/// used again.
package final class GuestFloorFile {
    private let file: StateFile
    private var slots: [NodeKey: [UInt64: Slot]] = [:]
    private var free: [Int] = []
    private var slotCount: Int

    private struct Slot {
        let position: Int
        var counter: UInt64
    }

    private static let slotSize = 56

    /// The floors in the file at `path`, which is made when it is not there.
    package init(path: String) throws(StateFileError) {
        file = try StateFile(path: path)
        let bytes = try file.readAll()
        slotCount = bytes.count / Self.slotSize
        for position in 0..<slotCount {
            let content = Array(bytes[position * Self.slotSize..<(position + 1) * Self.slotSize])
            guard Self.check(content[..<48]) == Array(content[48...]), let guest = NodeKey(bytes: Array(content[..<32]))
            else {
                free.append(position)
                continue
            }
            let counter = Self.number(in: content[40..<48])
            slots[guest, default: [:]][Self.number(in: content[32..<40])] = Slot(position: position, counter: counter)
        }
    }

    /// What each process that has spoken with the key of `guest` has spent.
    package func floors(of guest: NodeKey) -> [UInt64: UInt64] { (slots[guest] ?? [:]).mapValues(\.counter) }

    /// Raises the floor of one process.
    package func raise(_ guest: NodeKey, _ instance: UInt64, to counter: UInt64) throws(StateFileError) {
        let former = slots[guest]?[instance]
        guard counter > former?.counter ?? 0 else { return }
        let position = former?.position ?? free.last ?? slotCount
        var content = guest.bytes
        for number in [instance, counter] {
            for shift in stride(from: 56, through: 0, by: -8) {
                content.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
            }
        }
        content += Self.check(content[...])
        try file.write(content, at: position * Self.slotSize)
        slots[guest, default: [:]][instance] = Slot(position: position, counter: counter)
        guard former == nil else { return }
        if free.last == position { free.removeLast() } else { slotCount += 1 }
    }

    /// Only `guests` may come again: the slots of others are free.
    package func keep(_ guests: Set<NodeKey>) {
        for (guest, spent) in slots where !guests.contains(guest) {
            slots[guest] = nil
            free += spent.values.map(\.position)
        }
    }

    private static func number(in bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    private static func check(_ content: ArraySlice<UInt8>) -> [UInt8] {
        Array(Hash.blake2b(Array(content)).prefix(8))
    }
}
