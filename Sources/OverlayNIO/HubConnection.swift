import NIOCore
import OverlayWire
import PosternModel

/// Whether a WebSocket connection with one hub is wanted, being opened, or there. It is for the time in which UDP does
/// not lead to the hub.
///
/// ```
///            the hub is looked for,                 still no answer              the upgrade
///            or silent                              after `patience`             succeeded
///   AT REST ───────────────────────▶ HOPING ──────────────────────▶ OPENING ───────────────▶ OPEN
///      ▲                               │ UDP answered                  │ refused               │ closed, or UDP leads
///      └───────────────────────────────┴───────── PAUSING ◀────────────┴───────────────────────┘ there again
/// ```
struct HubConnection {
    /// The pause between the attempts on both ways (RFC 8305 §5 names 250 ms).
    static let patience = TimeAmount.milliseconds(250)
    /// How long a connection that is not needed stays.
    static let linger = TimeAmount.seconds(10)
    /// The first pause between two attempts; each is twice as long as the one before, up to ``longestPause``.
    static let firstPause = TimeAmount.milliseconds(500)
    static let longestPause = TimeAmount.seconds(30)
    /// A connection that was there for so long was a good one.
    static let goodAge = TimeAmount.seconds(60)

    enum Phase {
        case atRest
        case hoping
        case opening
        /// `unneededSince`: since when UDP leads to the hub.
        case open(ConnectionID, since: NIODeadline, unneededSince: NIODeadline?)
        case pausing
    }

    /// Where the hub takes connections.
    let url: WebSocketURL
    var phase = Phase.atRest
    /// How long the next pause is.
    var pause = firstPause

    init(_ url: WebSocketURL) {
        self.url = url
    }

    /// The pause that begins now.
    mutating func beginPause() -> TimeAmount {
        defer { pause = min(.nanoseconds(pause.nanoseconds * 2), Self.longestPause) }
        phase = .pausing
        return pause
    }
}
