import PosternModel

/// A PATH_CHALLENGE that waits for its answer (RFC 9000 §8.2).
struct PathProbe {
    /// Why the path is probed.
    enum Reason {
        /// The peer, or what we remember, says that it may be there.
        case candidate
        /// The peer uses this path.
        case followed
        /// The path in use is silent.
        case silence
        /// Somebody wants to know the round trip.
        case ping
    }

    /// When tries follow each other (RFC 8445 §14 paces checks; the growth keeps the addresses of third parties
    /// unharmed).
    static let spacing: [Interval] = [.milliseconds(100), .milliseconds(300), .milliseconds(900)]
    /// Probes of one session at a time.
    static let maximum = 24

    let token: UInt64
    let path: AddressPair
    let reason: Reason
    var tries = 0
    var sentAt: Instant
    var nextAt: Instant
}

/// A PATH_RESPONSE that waits to be sent, on the path that the challenge came on (RFC 9000 §8.2.2).
struct PathResponse {
    var token: UInt64
    var path: AddressPair

    /// Responses that one session keeps; more challenges at a time are dropped.
    static let maximum = 16
}
