import PosternModel

/// Credit of a whole session in both directions (RFC 9000 §4).
struct SessionFlow {
    /// Bytes that we may send on all streams together, and have sent.
    var peerMaxData: UInt64
    private(set) var sentData: UInt64 = 0
    /// The credit of a new stream of ours.
    var peerStreamWindow: UInt64
    /// Memory that holds what we send, on all streams together, in bytes.
    var heldMemory = 0
    /// Streams that we may open, and have opened.
    var peerMaxStreams: UInt64
    var openedStreams: UInt64 = 0

    /// The credit that the peer has, and how much of it arrived.
    private(set) var maxData: UInt64
    private(set) var receivedData: UInt64 = 0
    /// Bytes that arrived and were neither read nor dropped.
    private(set) var unreadData: UInt64 = 0
    /// How far the peer may run ahead of what arrived.
    private var pace: WindowPace
    /// Streams that the peer may open, has opened, and of those that are over.
    private(set) var maxStreams: UInt64
    private var peerOpenedStreams: UInt64 = 0
    /// Those that a later one opened, and that nothing was heard of (RFC 9000 §2.1).
    private var unheardStreams = RangeSet()
    private var peerClosedStreams: UInt64 = 0
    private let ceiling: UInt64
    private let streamLimit: UInt64

    init(settings: NodeSettings, at now: Instant) {
        // Until the peer told its limits, early data counts on what every node grants.
        peerMaxData = NodeSettings.earlyData
        peerStreamWindow = NodeSettings.earlyData
        peerMaxStreams = NodeSettings.earlyStreams
        pace = WindowPace(window: settings.sessionWindow, at: now)
        ceiling = settings.maxUnreadBytes
        streamLimit = UInt64(settings.maxStreams)
        maxData = settings.sessionWindow
        maxStreams = UInt64(settings.maxStreams)
    }

    /// Bytes of both directions: it changes when anything is said on a stream.
    var progress: UInt64 { sentData &+ receivedData }

    var sendCredit: UInt64 { peerMaxData > sentData ? peerMaxData - sentData : 0 }

    mutating func send(_ byteCount: Int) { sentData += UInt64(byteCount) }

    /// The session's former life sent nothing that counts.
    mutating func restartSending() { sentData = 0 }

    /// Bytes arrived; false when they exceed the credit.
    mutating func receive(_ byteCount: UInt64) -> Bool {
        receivedData += byteCount
        unreadData += byteCount
        return receivedData <= maxData
    }

    /// Bytes were read, or dropped with their stream.
    mutating func consume(_ byteCount: UInt64) {
        unreadData -= min(byteCount, unreadData)
    }

    /// How far the peer may run ahead now.
    var window: UInt64 { pace.window }

    /// Whether so much of the window was used that ``grantData(memory:roundTrip:at:)`` may have something to grant.
    var isCreditLow: Bool { WindowPace.isDue(left: maxData - min(receivedData, maxData), of: pace.window) }

    /// Raises the peer's credit; true when that is worth a frame. Credit follows what arrived, not what was read, so
    /// that a stalled stream does not hold up the others; only beyond the ceiling of unread bytes does it stop.
    /// `memory`: bytes that the session may hold at this moment, unread ones included.
    mutating func grantData(memory: UInt64, roundTrip: Interval, at now: Instant) -> Bool {
        guard isCreditLow else { return false }
        let most = min(ceiling, max(memory, WindowPace.smallest))
        let room = most - min(unreadData, most)
        let granted = min(pace.window, room)
        let worthwhile = max(granted, min(pace.window, WindowPace.smallest)) / 8
        guard receivedData + granted >= maxData + worthwhile else { return false }
        pace.granted(maximum: ceiling, roundTrip: roundTrip, at: now)
        maxData = receivedData + min(pace.window, room)
        return true
    }

    /// How far ahead of its reader a stream may be that has `unread` bytes itself: half of what the others leave of the
    /// ceiling, so that however many readers stall, another stream finds room.
    func room(forStreamWith unread: UInt64) -> UInt64 {
        (ceiling - min(ceiling, unreadData - min(unread, unreadData))) / 2
    }

    /// Whether nothing was heard yet of the peer's stream with this ordinal.
    func isUnheard(peerStream ordinal: UInt64) -> Bool {
        ordinal >= peerOpenedStreams || unheardStreams.contains(ordinal)
    }

    /// The peer uses its stream with this ordinal for the first time, which opens those before it too.
    mutating func openPeerStreams(through ordinal: UInt64) {
        if ordinal >= peerOpenedStreams {
            unheardStreams.insert(peerOpenedStreams..<ordinal)
            peerOpenedStreams = ordinal + 1
        } else {
            unheardStreams.remove(ordinal..<ordinal + 1)
        }
    }

    /// A stream that the peer opened is over; true when new credit is worth a frame.
    mutating func closePeerStream() -> Bool {
        peerClosedStreams += 1
        guard peerClosedStreams + streamLimit - maxStreams >= max(1, streamLimit / 4) else { return false }
        maxStreams = peerClosedStreams + streamLimit
        return true
    }
}

/// How large a window of credit has to be for the pace at which it is used up.
///
/// An eighth at a time is granted anew. Who uses an eighth up in less than half a round trip gets twice the window: so
/// it holds four to eight times what is in flight, and while slow start doubles that with each round trip, the grant
/// arrives before the window runs dry.
struct WindowPace {
    private(set) var window: UInt64
    private var grantedAt: Instant

    /// What is granted even when memory is short: without it, nothing would ever be sent that frees any.
    static let smallest: UInt64 = 16 << 10

    init(window: UInt64, at now: Instant) {
        self.window = window
        grantedAt = now
    }

    /// Whether of a window of `size` bytes, of which `left` are unused, an eighth can be granted.
    static func isDue(left: UInt64, of size: UInt64) -> Bool { left <= size - size / 8 }

    /// An eighth of the window was used up; `floor`: what is known to be a fit window for a stream that keeps pace.
    mutating func granted(floor: UInt64 = 0, maximum: UInt64, roundTrip: Interval, at now: Instant) {
        if now - grantedAt < roundTrip / 2 { window = max(window, min(maximum, max(window * 2, floor))) }
        grantedAt = now
    }
}
