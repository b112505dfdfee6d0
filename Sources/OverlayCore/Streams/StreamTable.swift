import OverlayWire

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

/// The streams of a session in numbered slots. Finding one by slot is an index, by id one hash.
struct StreamTable {
    private var slots: [Stream] = []
    private var free: [UInt32] = []
    private var slotsByID: [UInt64: UInt32] = [:]
    /// The generation that was given last. It goes on from one session of a peer to the next, so that no handle ever
    /// names a second stream.
    private(set) var lastGeneration: UInt32

    init(lastGeneration: UInt32 = 0) {
        self.lastGeneration = lastGeneration
    }

    /// Streams in the table.
    var count: Int { slots.count - free.count }

    mutating func insert(_ stream: Stream) -> Int {
        lastGeneration = lastGeneration == .max ? 1 : lastGeneration + 1
        var stream = stream
        stream.generation = lastGeneration
        let slot: Int
        if let reused = free.popLast() {
            slot = Int(reused)
            slots[slot] = stream
        } else {
            slot = slots.count
            slots.append(stream)
        }
        slotsByID[stream.id.rawValue] = UInt32(slot)
        return slot
    }

    mutating func remove(_ slot: Int) {
        slotsByID[slots[slot].id.rawValue] = nil
        slots[slot].generation = 0
        free.append(UInt32(slot))
    }

    func slot(of id: StreamID) -> Int? {
        slotsByID[id.rawValue].map(Int.init)
    }

    /// Whether `slot` holds the stream of that generation.
    func contains(_ slot: Int, generation: UInt32) -> Bool {
        generation != 0 && slot < slots.count && slots[slot].generation == generation
    }

    /// The stream in `slot`, which the caller has found to hold one.
    subscript(slot: Int) -> Stream {
        _read { yield slots[slot] }
        _modify { yield &slots[slot] }
    }

    /// Slots that hold a stream, in ascending order.
    var usedSlots: [Int] { slots.indices.filter { slots[$0].generation != 0 } }
}
