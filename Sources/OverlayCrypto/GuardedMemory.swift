internal import CSodium
internal import Synchronization

/// A few bytes for secrets: locked into memory where the system allows it, left out of core dumps, between guard pages
/// together with others of its size, and wiped when the last reference goes.
///
/// Unchecked: the bytes are written while one owner holds the object, and shared only to be read.
@safe
final class GuardedMemory: @unchecked Sendable {
    let byteCount: Int
    private let slot: GuardedArena.Slot
    private let arena: GuardedArena

    /// Room for `byteCount` bytes, at most 1152, zeroed.
    init(byteCount: Int) {
        self.byteCount = byteCount
        arena = GuardedArena.holding(byteCount)
        slot = arena.take()
    }

    /// A copy of `bytes`.
    convenience init(_ bytes: [UInt8]) {
        self.init(byteCount: bytes.count)
        unsafe bytes.withUnsafeBytes { source in
            // Both sides hold byteCount bytes.
            unsafe withBytes {
                unsafe UnsafeMutableRawBufferPointer(start: $0, count: byteCount).copyMemory(from: source)
            }
        }
    }

    deinit {
        arena.giveBack(slot)
    }

    /// Other memory with the same bytes.
    func copy() -> GuardedMemory {
        let copy = GuardedMemory(byteCount: byteCount)
        // Both sides hold byteCount bytes.
        unsafe withBytes { source in unsafe copy.withBytes { unsafe $0.update(from: source, count: byteCount) } }
        return copy
    }

    /// Runs `body` on the first of ``byteCount`` bytes, which stands at a multiple of 64.
    @unsafe
    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeMutablePointer<UInt8>) -> Result) -> Result {
        withExtendedLifetime(self) { unsafe body(slot.base) }
    }

    /// An unguarded copy of `byteCount` bytes at `offset`, for what has to leave.
    func copyBytes(_ offset: Int, _ byteCount: Int) -> [UInt8] {
        precondition(offset >= 0 && byteCount >= 0 && offset + byteCount <= self.byteCount, "only own bytes are copied")
        return unsafe withBytes { unsafe Array(UnsafeBufferPointer(start: $0 + offset, count: byteCount)) }
    }

    /// Whether both hold the same bytes; takes the same time wherever they differ.
    func equals(_ other: GuardedMemory) -> Bool {
        guard byteCount == other.byteCount else { return false }
        // Both sides hold byteCount bytes.
        return unsafe withBytes { mine in unsafe other.withBytes { unsafe sodium_memcmp(mine, $0, byteCount) == 0 } }
    }
}

/// Slots of one size, cut from `sodium_malloc`ed chunks.
///
/// A chunk has its guard pages and its canary. A secret does not get its own, because that takes four mappings each and
/// the kernel gives a process 65,530: too few for a hub with ten thousand sessions.
final class GuardedArena: Sendable {
    /// The start of a slot. Unchecked: who holds a slot is its only user.
    @safe
    struct Slot: @unchecked Sendable {
        let base: UnsafeMutablePointer<UInt8>
    }

    private static let chunkSize = 1 << 16
    private static let alignment = 64
    private static let arenas = [64, 128, 640, 1152].map(GuardedArena.init(slotSize:))

    /// Bytes that the system did not let this process lock, because of `RLIMIT_MEMLOCK`: they can reach a swap device.
    static var unlockedByteCount: Int { unlocked.load(ordering: .relaxed) }
    private static let unlocked = Atomic<Int>(0)

    private let slotSize: Int
    private let free = Mutex<[Slot]>([])

    private init(slotSize: Int) {
        self.slotSize = slotSize
    }

    /// The arena with the smallest slots that hold `byteCount` bytes.
    static func holding(_ byteCount: Int) -> GuardedArena {
        guard let arena = arenas.first(where: { $0.slotSize >= byteCount }) else {
            preconditionFailure("no secret is larger than the largest slot")
        }
        return arena
    }

    /// A zeroed slot.
    func take() -> Slot {
        free.withLock { free in
            if free.isEmpty { free = makeChunk() }
            return free.removeLast()
        }
    }

    /// Wipes `slot` and keeps it for the next secret.
    func giveBack(_ slot: Slot) {
        // A slot is slotSize bytes long.
        unsafe sodium_memzero(slot.base, slotSize)
        free.withLock { $0.append(slot) }
    }

    private func makeChunk() -> [Slot] {
        Sodium.start()
        guard let chunk = unsafe sodium_malloc(Self.chunkSize) else {
            preconditionFailure("the system has no memory left for secrets")
        }
        // A chunk is chunkSize bytes long. sodium_malloc has tried to lock it and does not say whether it could.
        if unsafe sodium_mlock(chunk, Self.chunkSize) != 0 {
            Self.unlocked.add(Self.chunkSize, ordering: .relaxed)
        }
        unsafe sodium_memzero(chunk, Self.chunkSize)
        let first = unsafe chunk.alignedUp(toMultipleOf: Self.alignment)
        let room = unsafe Self.chunkSize - (first - chunk)
        return (0..<room / slotSize).map { position in
            // In bounds: position * slotSize + slotSize <= room.
            unsafe Slot(base: (first + position * slotSize).assumingMemoryBound(to: UInt8.self))
        }
    }
}
