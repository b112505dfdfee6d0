import PosternModel
import TrustCore

/// Look-ups that were refused: the first since the last count is told at once, the others as a number, so that refused
/// calls cannot fill the audit trail.
struct RefusalCount: Sendable {
    private var count = 0
    /// Who was refused first.
    private var first: NodeKey?

    /// A look-up of `node` was refused. Returns what to record now.
    mutating func add(_ node: NodeKey) -> AuditEvent? {
        guard first == nil else {
            count += 1
            return nil
        }
        first = node
        // The log names who asked but not after whom: the pair is nobody's business.
        return AuditEvent(.accessRefused, actor: node, subject: "resolve")
    }

    /// What is to be recorded of those since the first, in the name of `hub`.
    mutating func take(by hub: NodeKey) -> AuditEvent? {
        defer { self = RefusalCount() }
        guard count > 0 else { return nil }
        return AuditEvent(.accessRefused, actor: hub, subject: "resolve", new: ["more": .integer(Int64(count))])
    }
}
