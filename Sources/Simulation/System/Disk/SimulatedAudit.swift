package import OverlayCrypto
package import PosternModel
package import TrustCore

/// An audit trail on a simulated disk: lines are written as they are recorded and brought to the disk, with a signed
/// head, when ``flush(isDiskFailing:)`` is called. Lines that a failing disk did not take are kept for the next time.
package struct SimulatedAudit: Sendable {
    private var log = SimulatedFile()
    /// The signed head, which is replaced as a whole.
    private var seal: AuditSeal?
    private var chain: AuditChain
    private var unwritten: [UInt8] = []
    private var isDirty = false
    /// The number of entries that survive whatever happens.
    package private(set) var durableCount: Int64 = 0

    private let identity: NodeIdentity

    /// The empty trail of `identity`.
    package init(of identity: NodeIdentity) {
        self.identity = identity
        chain = AuditChain(key: ChainKey(of: identity, for: .audit))
    }

    /// The number of entries.
    package var count: Int64 { chain.head.sequence }
    /// The lines, each with its line feed.
    package var text: [UInt8] { log.content }

    /// Opens the trail after a start: cuts off a half-written line and verifies the others.
    package mutating func open() throws(AuditFault) {
        let whole = log.content.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        log.truncate(to: whole)
        unwritten = []
        isDirty = false
        let key = ChainKey(of: identity, for: .audit)
        let verified = try AuditChain.verify(log.content, head: seal, key: key)
        chain = AuditChain(after: verified.head, key: key)
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
    package mutating func flush(isDiskFailing: Bool) -> Bool {
        guard !isDiskFailing else { return true }
        writeWaiting()
        log.synchronize()
        let document = AuditSeal.document(of: chain.head, first: 1, signedBy: identity).canonicalBytes
        guard let signed = try? AuditSeal(verifying: document) else { preconditionFailure("what is signed verifies") }
        seal = signed
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
