import OverlayWire
import PosternModel

/// How the translator in front of a node takes ports (RFC 4787 §4.1).
package enum AddressMapping: Sendable {
    /// Not enough have told where they see the node.
    case unknown
    /// There is none, or everybody sees the same port.
    case independent
    /// Each destination sees another port.
    case dependent
}

/// Challenges to guessed ports of a peer whose translator takes another port for each destination (`Protocol.md` §9.3).
/// The peer has opened ``SpreadPorts/count`` of them to us, so that one of 252 guesses is right. Where its translator
/// takes one port after the other they are a run, that no stride of ours passes over; where it takes them at random any
/// order is as good.
struct PortGuesses {
    /// Guesses at most: with 2000, one pair in 3000 has no luck.
    static let maximum = 2000
    /// One in this time.
    static let spacing = Interval.milliseconds(2)
    /// How long the last ones may take to be answered.
    static let patience = Interval.seconds(1)
    /// Ports that translators take (RFC 4787 REQ-3), and the step from one guess to the next: a prime below
    /// ``SpreadPorts/count``, so that every port's turn comes.
    private static let ports: ClosedRange<UInt32> = 1024...65_535
    private static let stride: UInt32 = 251

    /// Where they leave from.
    let local: Endpoint
    /// The public address of the peer's translator.
    private let address: UInt32
    /// The port from which on guesses are made.
    private let start: UInt32
    /// Of each guess the token, in order.
    private var tokens: [UInt64] = []
    /// When the next leaves; nil: all have left.
    private(set) var nextAt: Instant?

    /// Guesses near `port`, which the peer's translator took last as far as is known.
    init(local: Endpoint, address: UInt32, near port: UInt16, at now: Instant) {
        self.local = local
        self.address = address
        // The middle of a run that begins behind the port.
        start = max(UInt32(port), Self.ports.lowerBound) - Self.ports.lowerBound + UInt32(SpreadPorts.count / 2)
        nextAt = now
        tokens.reserveCapacity(Self.maximum)
    }

    /// When the last one is given up, at the latest.
    static var span: Interval { spacing * Int64(maximum) + patience }

    /// The next guess, with `token`.
    mutating func guess(_ token: UInt64, at now: Instant) -> Endpoint {
        let guess = endpoint(tokens.count)
        tokens.append(token)
        nextAt = tokens.count < Self.maximum ? max(nextAt ?? now, now - Self.spacing * 8) + Self.spacing : nil
        return guess
    }

    /// The guess that `token` answers.
    func endpoint(answeredBy token: UInt64) -> Endpoint? { tokens.firstIndex(of: token).map(endpoint) }

    private func endpoint(_ number: Int) -> Endpoint {
        let step = (start + UInt32(number) * Self.stride) % UInt32(Self.ports.count)
        return .ipv4(address: address, port: UInt16(Self.ports.lowerBound + step))
    }
}

/// Sockets from which one packet each goes to the peer, so that as many ports of our translator are open to it.
struct SpreadPorts {
    /// How many: then a guess of the peer is right once in 252.
    static let count = 256
    /// How long the peer has to be told and to guess.
    static let patience = PortGuesses.span + .seconds(3)

    /// Where the peer is.
    let remote: Endpoint
    /// All of them, once they are there.
    private(set) var locals: [Endpoint] = []
    /// Those from which nothing has left yet.
    private(set) var waiting: [Endpoint] = []

    init(remote: Endpoint) { self.remote = remote }

    /// The sockets are there.
    mutating func open(_ locals: [Endpoint]) {
        self.locals = locals
        waiting = locals
    }

    /// The next packet.
    mutating func next() -> AddressPair? { waiting.popLast().map { AddressPair(local: $0, remote: remote) } }
}

/// When ports of one peer may be guessed again, or ours be opened to it: ever more seldom, until this node is
/// elsewhere.
struct GuessingRest {
    /// The time from the first to the second; each further one is twice as long, up to the longest.
    static let first = Interval.seconds(60)
    static let longest = Interval.seconds(3600)

    private var rest = Self.first
    private var nextAt = Instant(nanoseconds: .min)

    /// Whether it may begin now; then it counts as begun.
    mutating func take(at now: Instant) -> Bool {
        guard nextAt <= now else { return false }
        nextAt = now + rest
        rest = min(rest * 2, Self.longest)
        return true
    }
}
