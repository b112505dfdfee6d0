package import PosternModel

/// What must hold in every system, whatever its seed.
package enum SystemInvariant: String, Sendable, CaseIterable {
    case durability = "what was acknowledged stands after a crash"
    case convergence = "both sides of a trust agree after a quiet time"
    case audit = "the audit trail verifies and has the acknowledged changes"
    case access = "nobody reaches a service without grant and allow rule"
    case rollback = "an old state directory trusts nobody once somebody has told of a newer one"
    case cut = "the streams of a revoked peer are cut"
    case answers = "every command gets exactly one answer"
    case calls = "a call through two gateways reaches whom it is for once, and is over at both when it is over"
    case deceit = "what a hub lies about is told, and who was removed stays out"
    case storms = "nobody sends without bound"
}

/// An invariant that did not hold.
package struct SystemViolation: Error, Sendable, CustomStringConvertible {
    package let invariant: SystemInvariant
    /// What was seen and what was expected.
    package let detail: String
    /// When, on the world's clock.
    package let at: Instant

    package var description: String {
        "at \(Interval(nanoseconds: at.nanoseconds).seconds) s: \(invariant.rawValue): \(detail)"
    }
}
