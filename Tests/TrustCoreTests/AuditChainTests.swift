import OverlayCrypto
import PosternModel
import TestSupport
import Testing
import TrustCore

@Suite struct AuditChainTests {
    private let key = ChainKey(of: alice, for: .audit)

    func log(_ count: Int, key: ChainKey? = nil) -> [String] {
        var chain = AuditChain(key: key)
        return (0..<count).map { number in
            let event = AuditEvent(.trustGiven, actor: alice.key, subject: "entry \(number)", old: nil, new: ["n": 1])
            return chain.append(event, at: time(Int64(number)))
        }
    }

    private func bytes(_ lines: [String]) -> [UInt8] { Array(lines.map { $0 + "\n" }.joined().utf8) }

    /// The head of `lines` as the node signs it.
    private func seal(_ lines: [String]) throws -> AuditSeal {
        let head = try AuditChain.verify(bytes(lines)).head
        return try AuditSeal(verifying: AuditSeal.document(of: head, first: 1, signedBy: alice).canonicalBytes)
    }

    func verify(_ lines: [String], head: AuditSeal? = nil, key: ChainKey? = nil) -> AuditFault? {
        do {
            _ = try AuditChain.verify(bytes(lines), head: head, key: key)
            return nil
        } catch {
            return error
        }
    }

    @Test func `an untouched log verifies and goes on after a restart (R11)`() throws {
        let lines = log(5)
        let head = try AuditChain.verify(bytes(lines)).head
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
        let signed = try seal(lines)
        #expect(signed.head.sequence == 5 && signed.signer == alice.key && signed.first == 1)
        #expect(verify(Array(lines.prefix(3)), head: signed) == AuditFault(line: 3, reason: .cut(2)))
        #expect(verify([], head: signed) == AuditFault(line: 0, reason: .cut(5)))
        #expect(verify(lines, head: signed) == nil)
        let text = AuditSeal.document(of: signed.head, first: 1, signedBy: alice).canonicalText
        #expect(throws: RecordError.badSignature) {
            try AuditSeal(verifying: Array(text.replacing("\"sequence\":5", with: "\"sequence\":4").utf8))
        }
    }

    @Test func `a log that was written anew is not the one that was signed (S5)`() throws {
        let signed = try seal(log(5))
        var chain = AuditChain()
        let others = (0..<6).map { chain.append(AuditEvent(.started, actor: alice.key, subject: "\($0)"), at: time(9)) }
        #expect(verify(others, head: signed) == AuditFault(line: 5, reason: .wrongHead))
    }

    @Test func `a forged line behind the signed head is named by who knows the key (S5)`() throws {
        let lines = log(5, key: key)
        let signed = try seal(Array(lines.prefix(3)))
        #expect(verify(lines, head: signed, key: key) == nil, "the node's own lines may be behind its head")
        #expect(try AuditChain.verify(bytes(lines), head: signed, key: key).unvouchedCount == 0)
        #expect(try AuditChain.verify(bytes(lines), head: signed).unvouchedCount == 2)
        let event = AuditEvent(.trustGiven, actor: alice.key, subject: "forged")
        let end = try AuditChain.verify(bytes(lines)).head
        for forgedKey in [nil, ChainKey(of: mallory, for: .audit), ChainKey(of: alice, for: .journal)] {
            var forger = AuditChain(after: end, key: forgedKey)
            let forged = lines + [forger.append(event, at: time(9))]
            #expect(verify(forged, head: signed, key: key) == AuditFault(line: 6, reason: .unsealed))
        }
    }

    @Test func `a seal that is changed is noticed by who knows the key, wherever the line is (S5)`() throws {
        var lines = log(3, key: key)
        let signed = try seal(lines)
        let own = try #require(try JSONValue(parsing: lines[1])["seal"]?.string)
        lines[1] = lines[1].replacing(own, with: String(own.reversed()))
        #expect(verify(lines, head: signed, key: key) == AuditFault(line: 2, reason: .unsealed))
    }

    @Test func `lines of a former version need no seal behind a head of a former version, until one has it`() throws {
        var document = JSONObject()
        let plain = log(3)
        let head = try AuditChain.verify(bytes(Array(plain.prefix(2)))).head
        document["sequence"] = .integer(head.sequence)
        document["hash"] = .string(head.hash)
        document["by"] = .string(alice.key.did)
        let message = Array("postern audit head 1\n".utf8) + JSONValue.object(document).canonicalBytes
        document["signature"] = .string(Base64URL.encode(alice.sign(message).bytes))
        let former = try AuditSeal(verifying: JSONValue.object(document).canonicalBytes)
        #expect(!former.isFollowedBySeals && verify(plain, head: former, key: key) == nil)
        #expect(try AuditChain.verify(bytes(plain), head: former, key: key).unvouchedCount == 1)
        var chain = AuditChain(after: try AuditChain.verify(bytes(plain)).head, key: key)
        let event = AuditEvent(.started, actor: alice.key, subject: "x")
        let sealed = plain + [chain.append(event, at: time(5))]
        #expect(verify(sealed, head: former, key: key) == nil)
        var forger = AuditChain(after: chain.head)
        let forged = sealed + [forger.append(event, at: time(6))]
        #expect(verify(forged, head: former, key: key) == AuditFault(line: 5, reason: .unsealed))
    }

    /// Whatever is done to the file, the trail verifies only when nothing that was signed is missing or changed.
    @Test(arguments: UInt64(1)...40)
    func `no change of a log passes for the log (S5)`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        for _ in 0..<10 {
            let count = Int.random(in: 2...8, using: &random)
            let lines = log(count, key: key)
            let signed = Int.random(in: 1...count, using: &random)
            let head = try seal(Array(lines.prefix(signed)))
            var changed = lines
            switch Int.random(in: 0..<4, using: &random) {
            case 0: changed.removeLast(Int.random(in: 1...count, using: &random))
            case 1: changed.remove(at: Int.random(in: 0..<count, using: &random))
            case 2: changed.shuffle(using: &random)
            case _:
                let position = Int.random(in: 0..<count, using: &random)
                changed[position] = changed[position].replacing("entry", with: "other")
            }
            guard verify(changed, head: head, key: key) == nil else {
                #expect(changed != lines)
                continue
            }
            #expect(changed.count >= signed && lines.starts(with: changed))
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
