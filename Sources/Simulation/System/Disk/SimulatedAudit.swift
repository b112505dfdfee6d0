package import OverlayCrypto
package import PosternModel
package import TrustCore

/// An audit trail on a simulated disk: lines are written as they are recorded and brought to the disk, with a signed
/// head, when ``flush(signedBy:)`` is called. Lines that a failing disk did not take are kept for the next time.
package struct SimulatedAudit: Sendable {
    private var log = SimulatedFile()
    /// The signed head, which is replaced as a whole.
    private var seal: [UInt8] = []
    private var chain = AuditChain()
    private var unwritten: [UInt8] = []
    private var isDirty = false
    /// The number of entries that survive whatever happens.
    package private(set) var durableCount: Int64 = 0

    package init() {}

    /// The number of entries.
    package var count: Int64 { chain.head.sequence }
    /// The lines, each with its line feed.
    package var text: [UInt8] { log.content }

    /// Opens the trail of `owner` after a start: cuts off a half-written line and verifies the others.
    package mutating func open(owner: NodeKey) throws(AuditFault) {
        let whole = log.content.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        log.truncate(to: whole)
        unwritten = []
        isDirty = false
        var signed: AuditHead?
        if !seal.isEmpty {
            guard let (head, signer) = try? AuditSeal.verify(seal), signer == owner else {
                throw AuditFault(line: 1, reason: .wrongHead)
            }
            signed = head
        }
        chain = AuditChain(after: try AuditChain.verify(log.content, head: signed))
        durableCount = chain.head.sequence
    }

    /// Records `event`, which happened at `time`. Returns whether a flush has to follow that was not due before.
    package mutating func record(_ event: AuditEvent, at time: Timestamp, isDiskFailing: Bool) -> Bool {
        unwritten += Array((chain.append(event, at: time) + "\n").utf8)
        if !isDiskFailing { writeWaiting() }
        guard !isDirty else { return false }
        isDirty = true
        return true
    }

    /// Brings the lines to the disk and signs the head. Returns whether that is to be tried again.
    package mutating func flush(signedBy identity: NodeIdentity, isDiskFailing: Bool) -> Bool {
        guard !isDiskFailing else { return true }
        writeWaiting()
        log.synchronize()
        seal = Array(AuditSeal.document(of: chain.head, signedBy: identity).utf8)
        durableCount = chain.head.sequence
        isDirty = false
        return false
    }

    /// Leaves what survives `crash`. Returns how many entries must have survived.
    package mutating func survive(_ crash: SimulatedFile.Crash, _ random: inout SeededRandom) -> Int64 {
        let written = chain.head.sequence - Int64(unwritten.count { $0 == UInt8(ascii: "\n") })
        switch crash {
        case .process:
            return written
        case .power:
            log.survive(.power(canDamage: false), &random)
            return durableCount
        }
    }

    /// Changes one byte of the log, as somebody with access to the file may.
    mutating func tamper() {
        guard let position = log.content.firstIndex(of: UInt8(ascii: "z")) else { return }
        log.write([UInt8(ascii: "y")], at: position)
    }

    private mutating func writeWaiting() {
        log.write(unwritten, at: log.content.count)
        unwritten = []
    }
}
