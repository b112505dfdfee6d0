import OverlayWire
import PosternModel

/// A PATH_CHALLENGE that waits for its answer (RFC 9000 §8.2).
struct PathProbe {
    /// Why the path is probed.
    enum Reason {
        /// The peer, or what we remember, says that it may be there.
        case candidate
        /// The peer sends there at the same time (`Protocol.md` §9.2).
        case opening
        /// The peer uses this path.
        case followed
        /// The path that was in use before the peer seemed to move (RFC 9000 §9.3.3).
        case previous
        /// The path in use is silent.
        case silence
        /// The path in use has not proven itself.
        case proof
        /// Somebody wants to know the round trip.
        case ping
    }

    /// One challenge on its way. Each has a token of its own, so that an answer tells which it belongs to (RFC 9000
    /// §8.2.1).
    struct Try {
        var token: UInt64
        var sentAt: Instant
        var byteCount: Int
    }

    /// When tries follow each other (RFC 8445 §14 paces checks).
    static let spacing: [Interval] = [.milliseconds(100), .milliseconds(300), .milliseconds(900)]
    /// Probes of one session at a time.
    static let maximum = 24
    /// How long a probe waits until it may leave.
    static let patience = Interval.seconds(5)

    /// The size of a packet with one challenge and nothing else.
    static let smallestPacket = PacketLayout.Protected.overhead + PacketLayout.pathFrameSize

    /// The size of a challenge that shows that the path carries its base size (RFC 9000 §8.2.1).
    static func fullSize(on path: AddressPair) -> Int {
        path.isRelayed ? PacketLayout.relayedPathSize : PacketLayout.basePathSize
    }

    let path: AddressPair
    let reason: Reason
    /// When it is given up if it still waits.
    private var givesUpAt: Instant
    private(set) var tries: [Try] = []
    /// How many tries leave.
    private var limit: Int
    /// When the next try leaves, or the last counts as unanswered.
    var nextAt: Instant

    /// Tries of one simultaneous opening: the first is the one that counts, the other stands in for a lost one.
    static let openingTries = 2

    /// A probe whose first try leaves at `now`.
    init(path: AddressPair, reason: Reason, at now: Instant) {
        self.path = path
        self.reason = reason
        switch reason {
        case .opening: limit = Self.openingTries
        case .candidate, .followed, .previous, .silence, .proof, .ping: limit = Self.spacing.count + 1
        }
        nextAt = now
        givesUpAt = now + Self.patience
    }

    /// Whether every try has left.
    var isUsedUp: Bool { tries.count >= limit }

    /// The next try may not leave before `instant`; false when that is too late.
    mutating func wait(until instant: Instant) -> Bool {
        nextAt = instant
        return instant <= givesUpAt
    }

    /// A challenge with `token` leaves.
    mutating func send(_ token: UInt64, byteCount: Int, at now: Instant) {
        nextAt = now + Self.spacing[min(tries.count, Self.spacing.count - 1)]
        tries.append(Try(token: token, sentAt: now, byteCount: byteCount))
    }

    /// The try that `token` answers.
    func answered(by token: UInt64) -> Try? { tries.first { $0.token == token } }

    /// The address has proven itself: tries in full size show what else has to be known.
    mutating func restart(at now: Instant) {
        tries = []
        limit = Self.spacing.count + 1
        nextAt = now
        givesUpAt = now + Self.patience
    }
}

/// Answers to the challenges of one packet, on the path that it came on (RFC 9000 §8.2.2).
struct PathResponse {
    private(set) var tokens: [UInt64]
    let path: AddressPair
    /// The size of the packet that brought the challenges: the answer has no more.
    let byteCount: Int

    /// Packets with responses that one session keeps; more challenges at a time are dropped.
    static let maximum = 16
    /// Challenges of one packet that are answered.
    static let maximumTokens = 8
    /// Packets with responses that one session sends in a second: an honest peer asks far less often.
    static let rate = Rate(perSecond: 64)

    init(token: UInt64, path: AddressPair, byteCount: Int) {
        tokens = [token]
        self.path = path
        self.byteCount = byteCount
    }

    /// Takes another challenge of the same packet.
    mutating func add(_ token: UInt64) {
        if tokens.count < Self.maximumTokens { tokens.append(token) }
    }
}
