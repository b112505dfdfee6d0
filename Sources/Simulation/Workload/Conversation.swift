import OverlayCore
import OverlayWire
import PosternModel

/// What an application knows of one stream at its end.
struct Conversation {
    let handle: StreamHandle
    let side: Side
    let peer: HostID
    let port: VirtualPort
    /// Nil at the accepting end until the header was read.
    var plan: StreamPlan?
    var header: [UInt8] = []
    /// Bytes read and written, header included.
    var readCount = 0
    var writtenCount = 0
    var isEndRead = false
    var isFinished = false
    /// The peer reads no more, or this end wants no more: that direction is over.
    var isWritingOver = false
    var isReadingOver = false
    /// With which code the peer said that it reads no more.
    var stopCode: ErrorCode?
    /// Until when this end leaves its bytes unread, on the world's clock.
    var stalledUntil: Instant?

    init(handle: StreamHandle, side: Side, peer: HostID, port: VirtualPort, plan: StreamPlan?) {
        self.handle = handle
        self.side = side
        self.peer = peer
        self.port = port
        self.plan = plan
    }

    /// How many bytes this end may have written by now, given what it has read.
    var writeGoal: Int {
        guard let plan else { return 0 }
        let total = plan.total(side.outgoing)
        switch (side, plan.service) {
        case (.opener, _): return total
        case (.acceptor, .echo): return max(0, min(total, readCount - ContentTag.headerByteCount))
        case (.acceptor, .sink): return readCount == plan.total(.up) ? total : 0
        case (.acceptor, .source), (.acceptor, .empty): return total
        }
    }

    /// Whether this end has nothing more to say.
    var isDueToFinish: Bool {
        guard let plan, !isFinished, !isWritingOver else { return false }
        // An end that stopped reading will learn nothing more that it could answer to, or wait for.
        if isReadingOver, writtenCount == writeGoal { return true }
        guard writtenCount == plan.total(side.outgoing) else { return false }
        return side == .acceptor || plan.finishesEarly || isEndRead
    }

    /// What the plan makes this end do instead of carrying on, once it has got far enough.
    var dueMisconduct: StreamPlan.Conduct? {
        guard let plan else { return nil }
        switch plan.conduct {
        case .reset(let by, let after, _) where by == side && max(readCount, writtenCount) >= after:
            return plan.conduct
        case .stop(let by, let after, _) where by == side && readCount >= after && !isReadingOver && !isEndRead:
            return plan.conduct
        case .complete, .reset, .stop, .stall:
            return nil
        }
    }
}
