import OverlayWire

/// Finds the peer that a receiver index belongs to. Open addressing with linear probing; the keys are random already,
/// so they are their own hash.
struct IndexTable {
    private enum Entry {
        case empty
        case removed
        case used(UInt32, slot: UInt32)
    }

    private var entries: [Entry] = Array(repeating: .empty, count: 64)
    private var used = 0
    private var filled = 0

    /// The peer slot of `index`, or nil.
    func slot(of index: ReceiverIndex) -> Int? {
        var position = Int(index.rawValue) & (entries.count - 1)
        while true {
            switch entries[position] {
            case .empty:
                return nil
            case .used(let key, let slot) where key == index.rawValue:
                return Int(slot)
            case .used, .removed:
                position = (position + 1) & (entries.count - 1)
            }
        }
    }

    /// Files `index`, which must not be there, under `slot`.
    mutating func insert(_ index: ReceiverIndex, slot: Int) {
        if (filled + 1) * 2 > entries.count { rebuild() }
        var position = Int(index.rawValue) & (entries.count - 1)
        while case .used = entries[position] { position = (position + 1) & (entries.count - 1) }
        if case .empty = entries[position] { filled += 1 }
        entries[position] = .used(index.rawValue, slot: UInt32(slot))
        used += 1
    }

    mutating func remove(_ index: ReceiverIndex) {
        var position = Int(index.rawValue) & (entries.count - 1)
        while true {
            switch entries[position] {
            case .empty:
                return
            case .used(let key, _) where key == index.rawValue:
                entries[position] = .removed
                used -= 1
                return
            case .used, .removed:
                position = (position + 1) & (entries.count - 1)
            }
        }
    }

    private mutating func rebuild() {
        let old = entries
        entries = Array(repeating: .empty, count: max(64, used * 4).nextPowerOfTwo)
        used = 0
        filled = 0
        for entry in old {
            if case .used(let key, let slot) = entry { insert(ReceiverIndex(key), slot: Int(slot)) }
        }
    }
}

extension Int {
    /// The smallest power of two that is not below it.
    var nextPowerOfTwo: Int {
        self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
    }
}
