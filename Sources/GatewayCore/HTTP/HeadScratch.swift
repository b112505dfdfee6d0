import PosternModel

/// Storage that all connections of one loop share, so that none of them allocates per message.
package final class HeadScratch {
    let limits: HeadLimits
    let head: MessageHead
    /// What is withheld of bodies.
    let withheld: WithheldMemory
    var edits = HeadEdits()
    /// Whether connections keep method and target of their requests for a log.
    package var keepsRequestLines = false
    /// The time of the call that is under way.
    var now = Instant(nanoseconds: .min)
    /// What the last call on a connection said to send.
    package internal(set) var plan = ForwardPlan()

    /// Storage for heads within `limits`, and room for `withheldLimit` bytes of bodies that are withheld.
    package init(limits: HeadLimits = .defaults, withheldLimit: Int = 64 << 20) {
        self.limits = limits
        withheld = WithheldMemory(limit: withheldLimit)
        head = MessageHead(limits: limits)
    }

    /// Plans to send the head that `bytes` are, with its edits; `range` is where it stands in the input.
    func forwardHead(_ bytes: Span<UInt8>, at range: Range<Int>?) {
        if let range, edits.isEmpty {
            plan.append(input: range)
        } else {
            plan.append { edits.apply(to: bytes, into: &$0) }
        }
    }
}
