import PosternModel

/// When a silent peer is asked whether it is there while streams wait for its bytes: its packets may have lost their
/// way to us, as when a translator on our side has forgotten us, and only a packet of ours shows them another. The
/// longer nothing was said either way, the seldomer.
struct Inquiry {
    /// Stream bytes of both directions when it was last asked.
    private var progress: UInt64 = 0
    /// Since when there has been no progress.
    private var since: Instant?
    private var wait = Interval.zero

    /// Silence of the peer after which it is asked. `progress`: the bytes of both directions now. `first`: the silence
    /// after which it is asked first.
    func patience(progress: UInt64, first: Interval) -> Interval {
        since != nil && progress == self.progress ? wait : first
    }

    /// It is asked now, after it was last heard at `heardAt`; the next silence may be half as long as all since the
    /// last progress, between `first` and `longest`.
    mutating func ask(progress: UInt64, heardAt: Instant, first: Interval, longest: Interval, at now: Instant) {
        if progress != self.progress || since == nil {
            self.progress = progress
            since = heardAt
        }
        wait = min(max(first, (now - (since ?? now)) / 2), longest)
    }
}
