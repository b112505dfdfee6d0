import PosternModel

/// The answers to recent handshakes, so that a repeated first message gets the same answer again and nothing is done
/// twice. Bounded; the oldest go.
struct AnsweredHandshakes {
    static let maximum = 4096
    /// How long an answer is kept: longer than a handshake is repeated.
    static let lifetime = Interval.seconds(20)

    /// What went out, to whom, and where the message came from.
    struct Answer {
        var packet: [UInt8]
        var peer: PeerHandle
        var path: AddressPair
        fileprivate var at: Instant
    }

    private var answers: [Words32: Answer] = [:]
    private var order = RingQueue<(key: Words32, at: Instant)>()

    /// The answer to the handshake with this ephemeral key while it is kept.
    func answer(to ephemeral: Words32, at now: Instant) -> Answer? {
        guard let answer = answers[ephemeral], now - answer.at <= Self.lifetime else { return nil }
        return answer
    }

    /// Keeps an answer.
    mutating func add(
        _ packet: [UInt8],
        to ephemeral: Words32,
        peer: PeerHandle,
        path: AddressPair,
        at now: Instant
    ) {
        while let oldest = order.first, order.count >= Self.maximum || now - oldest.at > Self.lifetime {
            _ = order.popFirst()
            answers[oldest.key] = nil
        }
        answers[ephemeral] = Answer(packet: packet, peer: peer, path: path, at: now)
        order.append((ephemeral, now))
    }

    /// Forgets what was answered to a peer that is not to be answered any more.
    mutating func removeAll(of peer: PeerHandle) {
        for (key, answer) in answers where answer.peer == peer { answers[key] = nil }
    }
}
