package import PosternModel

/// What must hold in every world, whatever its seed.
package enum Invariant: String, Sendable, CaseIterable {
    case content = "every byte arrives once, in order and as it was written"
    case place = "nothing reaches the wrong peer, port or stream"
    case endings = "a stream ends once, at both ends, and for a reason"
    case sessions = "a session ends only for a cause"
    case nonces = "no packet number is used twice under one key"
    case ephemerals = "no ephemeral key is used for two messages"
    case silence = "unknown senders get no answer"
    case reflection = "an address that has not proved itself gets three times what came from it at most"
    case sizes = "no packet is larger than its path may carry"
    case bounds = "every queue is bounded"
    case admission = "who is not admitted by both sides reaches nothing"
    case progress = "time moves on: no instant has endless work"
    case liveness = "a healed world completes what is open"
    case quiet = "an idle world is quiet"
}

/// An invariant that did not hold.
package struct Violation: Error, Sendable, CustomStringConvertible {
    package let invariant: Invariant
    /// What was seen and what was expected.
    package let detail: String
    /// When, on the world's clock.
    package let at: Instant

    package var description: String {
        "at \(Interval(nanoseconds: at.nanoseconds).seconds) s: \(invariant.rawValue): \(detail)"
    }
}

/// Where the checkers of one world report. Keeps the first violation: what follows one is noise.
package final class Findings {
    /// The world's clock, kept by the ``World``.
    package var now = Instant(nanoseconds: 0)
    package private(set) var first: Violation?

    package init() {}

    /// Notes that `invariant` is violated now, unless another violation came first; `detail` says how.
    package func report(_ invariant: Invariant, _ detail: @autoclosure () -> String) {
        guard first == nil else { return }
        first = Violation(invariant: invariant, detail: detail(), at: now)
    }
}
