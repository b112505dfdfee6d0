import OverlayCrypto
import PosternModel
import Testing
import TrustCore

@Suite struct AuditChainTests {
    func log(_ count: Int) -> [String] {
        var chain = AuditChain()
        return (0..<count).map { number in
            let event = AuditEvent(.trustGiven, actor: alice.key, subject: "entry \(number)", old: nil, new: ["n": 1])
            return chain.append(event, at: time(Int64(number)))
        }
    }

    func verify(_ lines: [String], head: AuditHead? = nil) -> AuditFault? {
        do {
            _ = try AuditChain.verify(Array(lines.map { $0 + "\n" }.joined().utf8), head: head)
            return nil
        } catch {
            return error
        }
    }

    @Test func `an untouched log verifies and goes on after a restart (R11)`() throws {
        let lines = log(5)
        let head = try AuditChain.verify(Array(lines.map { $0 + "\n" }.joined().utf8))
        #expect(head.sequence == 5)
        var chain = AuditChain(after: head)
        let next = chain.append(AuditEvent(.stopped, actor: alice.key, subject: "x"), at: time(9))
        #expect(verify(lines + [next]) == nil)
    }

    @Test func `an entry has time, actor, action, subject, network, old and new (R11)`() throws {
        let entry = try JSONValue(parsing: log(1)[0])
        let names = ["sequence", "time", "actor", "action", "subject", "network", "old", "new", "hash", "previous"]
        #expect(entry.object?.keys.sorted() == names.sorted())
    }

    @Test(arguments: 0..<5)
    func `an edited line is named (R11, S5)`(position: Int) {
        var lines = log(5)
        lines[position] = lines[position].replacing("entry \(position)", with: "entry x")
        #expect(verify(lines) == AuditFault(line: position + 1, reason: .edited))
    }

    @Test func `a removed, swapped or repeated line is named`() {
        let lines = log(5)
        #expect(verify(Array(lines[..<2] + lines[3...])) == AuditFault(line: 3, reason: .outOfSequence))
        #expect(verify([lines[0], lines[2], lines[1]]) == AuditFault(line: 2, reason: .outOfSequence))
        #expect(verify([lines[0], lines[0]]) == AuditFault(line: 2, reason: .outOfSequence))
        #expect(verify([lines[0], "{}"]) == AuditFault(line: 2, reason: .notAnEntry))
        #expect(verify([lines[0], lines[1] + " "]) == AuditFault(line: 2, reason: .notCanonical))
    }

    @Test func `an edited line with its hash made again breaks the line after it`() {
        var lines = log(3)
        var forger = AuditChain()
        _ = forger.append(AuditEvent(.trustGiven, actor: mallory.key, subject: "other"), at: time(0))
        var other = AuditChain()
        lines[0] = other.append(AuditEvent(.trustGiven, actor: mallory.key, subject: "other"), at: time(0))
        #expect(verify(lines) == AuditFault(line: 2, reason: .brokenChain))
    }

    @Test func `lines cut off the end are noticed by the signed head (S5)`() throws {
        let lines = log(5)
        let head = try AuditChain.verify(Array(lines.map { $0 + "\n" }.joined().utf8))
        let seal = AuditSeal.document(of: head, signedBy: alice)
        let (signed, signer) = try AuditSeal.verify(Array(seal.utf8))
        #expect(signed == head && signer == alice.key)
        #expect(verify(Array(lines.prefix(3)), head: signed) == AuditFault(line: 3, reason: .cut))
        #expect(verify(lines, head: signed) == nil)
        #expect(throws: RecordError.badSignature) {
            try AuditSeal.verify(Array(seal.replacing("\"sequence\":5", with: "\"sequence\":4").utf8))
        }
    }
}

@Suite struct TokenBucketTests {
    @Test func `a burst passes at once and then one event per interval`() {
        let limit = RateLimit(burst: 3, perMinute: 60)
        let start = Instant(nanoseconds: 5)
        var bucket = TokenBucket(at: start)
        let times: [Interval] = [
            .zero, .zero, .zero, .zero, .milliseconds(999), .milliseconds(1_000), .milliseconds(1_001),
        ]
        let taken = times.map { bucket.take(limit, at: start + $0) }
        #expect(taken == [true, true, true, false, false, true, false])
        #expect(bucket.isFull(at: start + .seconds(60)))
    }
}
