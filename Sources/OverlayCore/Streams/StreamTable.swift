import OverlayWire
import PosternModel

/// A stream of a session, and what waits to be sent or told about it.
struct Stream {
    var id: StreamID
    /// Distinguishes the streams that use a slot one after the other; 0 in a free slot.
    fileprivate(set) var generation: UInt32
    /// Nil until the frame arrived that opens the stream.
    var port: VirtualPort?
    var send: SendHalf
    var receive: ReceiveHalf
    /// Whether it stands in one of the queues of streams with something to send.
    var isQueued = false
    /// Whether it was put aside until its bytes get credit of the session, or the peer allows more streams.
    var isBlocked = false
    /// Whether `.streamReadable` was told and no read came yet.
    var isReadableTold = false
    /// Whether the application knows the stream: it opened it, or was told.
    var isKnown: Bool
    /// Whether the application was told the end.
    var isEndTold = false
    /// A STOP_SENDING that waits to be sent, and whether one has to be repeated if lost.
    var pendingStop: ErrorCode?
    var stopCode: ErrorCode?
    /// The code of a STOP_SENDING that overtook the opening: told right behind it.
    var untoldStop: ErrorCode?
    /// Whether a MAX_STREAM_DATA waits to be sent.
    var isCreditDue = false

    /// Whether a frame about it waits to be sent. New bytes also need credit of the session.
    var hasFrame: Bool { send.hasFrame || pendingStop != nil || isCreditDue }

    /// Whether a frame waits that needs no credit of the session.
    var hasFrameWithoutCredit: Bool { send.hasFrameWithoutCredit || pendingStop != nil || isCreditDue }

    init(id: StreamID, port: VirtualPort?, send: SendHalf, receive: ReceiveHalf, isKnown: Bool) {
        self.id = id
        self.port = port
        self.send = send
        self.receive = receive
        self.isKnown = isKnown
        generation = 0
    }

    /// Whether nothing can happen on it any more.
    var isOver: Bool { send.isDone && receive.isDone && isEndTold }
}

/// The streams of a session in numbered slots. Finding one by slot is an index, by id one multiplication and on average
/// less than two looks.
///
/// The table of ids holds slots alone, in open addressing with linear probing, and closes each gap when a stream goes:
/// it never has to be built anew for streams that come and go.
struct StreamTable {
    private var slots: [Stream] = []
    private var free: [UInt32] = []
    /// Slots by hash of the id, or ``noSlot``: empty, or a power of two of places of which half at most are used.
    private var places: [UInt32] = []
    private var lastFound = 0
    /// Multiplicative hashing (Dietzfelbinger et al. 1997) by a secret odd number: a peer cannot choose which streams
    /// stay open so that they collide.
    private let multiplier: UInt64
    /// The generation that was given last. It goes on from one session of a peer to the next, so that no handle ever
    /// names a second stream.
    private(set) var lastGeneration: UInt32

    private static let noSlot = UInt32.max
    /// An empty table gives its memory back if it has more slots.
    private static let idleSlots = 64

    /// `secret`: random, for the hash.
    init(lastGeneration: UInt32 = 0, secret: UInt64) {
        self.lastGeneration = lastGeneration
        multiplier = secret | 1
    }

    /// Generations begin behind `last`; the table is empty.
    mutating func continueGenerations(after last: UInt32) {
        lastGeneration = last
    }

    /// Streams in the table.
    var count: Int { slots.count - free.count }

    mutating func insert(_ stream: Stream) -> Int {
        lastGeneration = lastGeneration == .max ? 1 : lastGeneration + 1
        var stream = stream
        stream.generation = lastGeneration
        if (count + 1) * 2 > places.count { enlargePlaces() }
        let slot: Int
        if let reused = free.popLast() {
            slot = Int(reused)
            slots[slot] = stream
        } else {
            slot = slots.count
            if slots.count == slots.capacity { slots.reserveCapacity(enlarged(slots.count)) }
            slots.append(stream)
        }
        file(slot)
        return slot
    }

    /// Room for two at first, since a hub has ten thousand sessions with hardly more; and by a quarter later, not
    /// twofold as an array would: with thousands of streams the difference is most of the cost.
    private func enlarged(_ count: Int) -> Int {
        count < 16 ? max(2, count * 2) : count + count / 4
    }

    mutating func remove(_ slot: Int) {
        unfile(slot)
        slots[slot].generation = 0
        free.append(UInt32(slot))
        guard count == 0, slots.count > Self.idleSlots else { return }
        slots = []
        free = []
        places = []
    }

    /// Whether `slot` holds the stream of that generation.
    func contains(_ slot: Int, generation: UInt32) -> Bool {
        generation != 0 && slot < slots.count && slots[slot].generation == generation
    }

    /// The stream in `slot`, which the caller has found to hold one.
    subscript(slot: Int) -> Stream {
        get { slots[slot] }
        _modify { yield &slots[slot] }
    }

    /// Slots that hold a stream, in ascending order. Linear: for what concerns the session as a whole.
    var usedSlots: [Int] { slots.indices.filter { slots[$0].generation != 0 } }

    // MARK: By id

    /// The slot of the stream; the one that was found last is found at once.
    mutating func slot(of id: StreamID) -> Int? {
        if lastFound < slots.count, slots[lastFound].id == id, slots[lastFound].generation != 0 { return lastFound }
        guard !places.isEmpty else { return nil }
        var place = home(of: id)
        while places[place] != Self.noSlot {
            let slot = Int(places[place])
            if slots[slot].id == id {
                lastFound = slot
                return slot
            }
            place = next(place)
        }
        return nil
    }

    /// The place where the search for `id` begins: the highest bits of the product.
    private func home(of id: StreamID) -> Int {
        let bits = UInt64(places.count.trailingZeroBitCount)
        return Int(truncatingIfNeeded: (id.rawValue &* multiplier) >> (64 - bits))
    }

    private func next(_ place: Int) -> Int { (place + 1) & (places.count - 1) }

    private mutating func file(_ slot: Int) {
        var place = home(of: slots[slot].id)
        while places[place] != Self.noSlot { place = next(place) }
        places[place] = UInt32(slot)
    }

    /// Takes the slot out, and moves those behind it up that would not be found otherwise.
    private mutating func unfile(_ slot: Int) {
        var gap = home(of: slots[slot].id)
        while places[gap] != UInt32(slot) { gap = next(gap) }
        var place = next(gap)
        while places[place] != Self.noSlot {
            let home = home(of: slots[Int(places[place])].id)
            if distance(from: home, to: place) >= distance(from: gap, to: place) {
                places[gap] = places[place]
                gap = place
            }
            place = next(place)
        }
        places[gap] = Self.noSlot
    }

    private func distance(from start: Int, to end: Int) -> Int { (end - start) & (places.count - 1) }

    private mutating func enlargePlaces() {
        let filed = places
        places = Array(repeating: Self.noSlot, count: max(16, filed.count * 2))
        for slot in filed where slot != Self.noSlot { file(Int(slot)) }
    }
}
