import PosternModel

/// Notices that packets above a size vanish while smaller ones arrive (RFC 8899 §4.3).
struct BlackHoleDetector {
    /// Rounds in a row, with losses above the size alone, that show it.
    static let suspiciousRounds = 3

    /// Probe time-outs in a row after which one such round is enough: by then packets of other sizes have left as well.
    let decisiveTimeouts: Int
    /// When the latest packet above the size left that is known to have arrived.
    private var arrivedSentAt: Instant?
    /// Rounds with losses above the size alone, one after the other.
    private var suspicion: (rounds: Int, lostSentAt: Instant, notedAt: Instant)?
    /// When a row of so many time-outs last ended.
    private var silenceEndedAt: Instant?

    init(decisiveTimeouts: Int) {
        self.decisiveTimeouts = decisiveTimeouts
    }

    /// A packet above the size that left at `sentAt` arrived.
    mutating func arrive(_ sentAt: Instant) {
        arrivedSentAt = max(arrivedSentAt ?? sentAt, sentAt)
        if let suspicion, sentAt > suspicion.lostSentAt { self.suspicion = nil }
    }

    /// Something arrived after a row of `timeouts` probe time-outs.
    mutating func endSilence(timeouts: Int, at now: Instant) {
        if timeouts >= decisiveTimeouts { silenceEndedAt = now }
    }

    /// Packets above the size were lost of which the latest left at `sentAt`; of the smaller ones that were lost with
    /// them the latest left at `smallerSentAt`. True when the size is the cause.
    mutating func lose(_ sentAt: Instant, smallerSentAt: Instant?, at now: Instant) -> Bool {
        // Whatever told of the loss left later. If that was large, or if small ones are lost as well, size is no cause.
        if let arrivedSentAt, arrivedSentAt >= sentAt { return false }
        if let smallerSentAt, smallerSentAt >= sentAt { return false }
        // One round trip's losses are one round.
        if let suspicion, sentAt <= suspicion.notedAt { return false }
        let rounds = (suspicion?.rounds ?? 0) + 1
        suspicion = (rounds, sentAt, now)
        return rounds >= Self.suspiciousRounds || silenceEndedAt.map { sentAt <= $0 } ?? false
    }

    /// Other packets are sent from now on.
    mutating func forgetSuspicion() { suspicion = nil }
}
