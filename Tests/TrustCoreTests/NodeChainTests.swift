import OverlayCrypto
import PosternModel
import Testing
import TrustCore

/// Records of a node that changes its key, made as `Protocol.md` §2.1 says it.
private struct KeyHistory {
    var documents: [JSONValue] = []

    /// Alice's first record, which commits to the key `next`.
    init(next: NodeIdentity) {
        documents = [NodeRecord(of: alice, committingTo: next.key, at: time(0)).document]
    }

    /// A further record in which `new` takes over and commits to `next`; `old` hands over if it is there.
    mutating func change(
        to new: NodeIdentity,
        next: NodeIdentity,
        handingOver old: NodeIdentity?,
        editing edit: (inout JSONObject) -> Void = { _ in }
    ) {
        var members = JSONObject()
        members["type"] = "postern.node.1"
        members["by"] = .string(new.key.did)
        members["first"] = .string(alice.key.did)
        members["sequence"] = .integer(Int64(documents.count))
        members["next"] = .string(Base64URL.encode(commitment(to: next.key)))
        members["previous"] = .string(Base64URL.encode(Hash.blake2b(documents.last!.canonicalBytes)))
        members["issued"] = .time(time(Int64(documents.count)))
        edit(&members)
        if let old { members["handover"] = signature(old, "postern handover 1\n", members) }
        members["signature"] = signature(new, "postern record 1\n", members)
        documents.append(.object(members))
    }

    private func commitment(to key: NodeKey) -> [UInt8] {
        Hash.blake2b(Array("postern next key 1\n".utf8) + key.bytes)
    }

    private func signature(_ identity: NodeIdentity, _ context: String, _ members: JSONObject) -> JSONValue {
        let text = Array(context.utf8) + JSONValue.object(members).canonicalBytes
        return .string(Base64URL.encode(identity.sign(text).bytes))
    }
}

@Suite struct NodeChainTests {
    private let second = identity(21)
    private let third = identity(22)

    private func failure(_ history: KeyHistory) -> NodeChainError? {
        do {
            _ = try NodeChain(verifying: history.documents)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a node that has not changed its key is its first key`() throws {
        let history = KeyHistory(next: second)
        let chain = try NodeChain(verifying: history.documents)
        #expect(chain.first == alice.key && chain.current == alice.key && chain.latest.sequence == 0)
        #expect(chain.latest.next == KeyCommitment(to: second.key, after: 0))
    }

    @Test(arguments: [true, false])
    func `the key that was committed to takes over, and the first one stays the name (N11)`(handsOver: Bool) throws {
        var history = KeyHistory(next: second)
        history.change(to: second, next: third, handingOver: handsOver ? alice : nil)
        history.change(to: third, next: bob, handingOver: second)
        let chain = try NodeChain(verifying: history.documents)
        #expect(chain.first == alice.key && chain.current == third.key && chain.latest.sequence == 2)
        #expect(chain.latest.next == KeyCommitment(to: bob.key, after: 2))
    }

    @Test func `a thief who has the old key alone cannot name another`() {
        var history = KeyHistory(next: second)
        history.change(to: mallory, next: mallory, handingOver: alice)
        #expect(failure(history) == .uncommitted(1))
        var again = KeyHistory(next: second)
        again.change(to: alice, next: mallory, handingOver: alice)
        #expect(failure(again) == .uncommitted(1))
    }

    @Test func `a handover that another key signed is refused`() {
        var history = KeyHistory(next: second)
        history.change(to: second, next: third, handingOver: mallory)
        #expect(failure(history) == .handover(1))
    }

    @Test(arguments: ["first", "sequence", "previous"])
    func `a record that does not follow the one before is refused`(member: String) {
        let others: [String: JSONValue] = [
            "first": .string(bob.key.did), "sequence": 2,
            "previous": .string(Base64URL.encode(Array(repeating: 7, count: 32))),
        ]
        var history = KeyHistory(next: second)
        history.change(to: second, next: third, handingOver: alice) { $0[member] = others[member] }
        #expect(failure(history) == .unlinked(member == "sequence" ? 2 : 1))
    }

    @Test(arguments: ["by", "first", "sequence", "next", "previous", "issued", "handover", "signature", "type"])
    func `a record without one of its members is none`(member: String) {
        var history = KeyHistory(next: second)
        history.change(to: second, next: third, handingOver: alice)
        history.documents[1] = changed(history.documents[1]) { $0[member] = nil }
        #expect(failure(history) != nil)
    }

    @Test func `a first record is its own key's, and a later one does not begin a chain`() {
        var history = KeyHistory(next: second)
        history.change(to: second, next: third, handingOver: alice)
        history.documents.removeFirst()
        #expect(failure(history) == .unlinked(1))
        history.documents = []
        #expect(failure(history) == .count)
        history.documents = Array(repeating: KeyHistory(next: second).documents[0], count: 257)
        #expect(failure(history) == .count)
    }

    @Test func `a grant tells the subject what comes after the giver's key`() throws {
        let commitment = KeyCommitment(to: second.key, after: 0)
        let grant = Grant(from: alice, to: bob.key, services: .all, issued: time(0), commitment: commitment)
        #expect(try Grant(verifying: grant.document).commitment == commitment)
        let silent = Grant(from: alice, to: bob.key, services: .all, issued: time(0))
        #expect(try Grant(verifying: silent.document).commitment == nil)
        let other = changed(grant.document) { $0["nextKey"] = KeyCommitment(to: mallory.key, after: 0).json }
        #expect(throws: RecordError.badSignature) { try Grant(verifying: other) }
    }

    /// Alice after she has changed her key to `second`, and committed to `third`.
    private func aliceChanged() throws -> NodeIdentity {
        let chain = NodeChain(beginning: NodeRecord(of: alice, committingTo: second.key, at: time(0)))
        let next = chain.changed(to: second, handingOver: alice, committingTo: third.key, at: time(1))
        return try #require(next?.identity(second, former: [alice]))
    }

    @Test func `only the next key changes a chain, and no chain grows without end`() throws {
        var chain = NodeChain(beginning: NodeRecord(of: alice, committingTo: second.key, at: time(0)))
        #expect(chain.changed(to: third, handingOver: alice, committingTo: bob.key, at: time(1)) == nil)
        let first = chain
        for number in 1..<UInt8(NodeChain.limit) {
            let (next, successor) = (identity(20 + number), identity(21 + number))
            chain = try #require(
                chain.changed(to: next, handingOver: nil, committingTo: successor.key, at: time(Int64(number)))
            )
        }
        let last = identity(20 + UInt8(NodeChain.limit))
        #expect(chain.changed(to: last, handingOver: nil, committingTo: bob.key, at: time(99)) == nil)
        #expect(chain.extends(first) && !first.extends(chain) && chain.changes.count == NodeChain.limit - 1)
        #expect(chain.upTo(second.key)?.records.count == 2 && chain.upTo(bob.key) == nil)
        #expect(chain.keeps(first.latest.next) && !chain.keeps(KeyCommitment(to: bob.key, after: 0)))
        #expect(NodeChain(stored: chain.documents) == chain)
    }

    @Test func `what a node signs with another key shows whose that is, and is its first key's`() throws {
        let node = try aliceChanged()
        #expect(node.key == alice.key && node.currentKey == second.key)
        let grant = Grant(from: node, to: bob.key, services: .all, issued: time(2))
        let read = try Grant(verifying: grant.document)
        #expect(read.giver == alice.key && read.record.succession?.current == second.key)
        // Another's chain, a chain of one, and none at all do not make it Alice's.
        var forged = grant.document.object!
        forged["keys"] = nil
        #expect(throws: RecordError.badSignature) { try Grant(verifying: .object(forged)) }
        forged["keys"] = .array(Array(node.succession.prefix(1)))
        #expect(throws: RecordError.invalid("keys")) { try Grant(verifying: .object(forged)) }
        forged = grant.document.object!
        forged["by"] = .string(bob.key.did)
        #expect(throws: RecordError.invalid("keys")) { try Grant(verifying: .object(forged)) }
    }

    @Test func `mail for either key is opened, and what only the node reads goes on under its first one`() throws {
        let node = try aliceChanged()
        let mail = Mail.revocation(Revocation(from: bob, to: alice.key, issued: time(3)))
        let random = RandomSource(seed: Array(repeating: 5, count: 32))
        let keys = [alice.key: try NodeChain(verifying: node.succession)]
        for box in [try mail.sealed(using: random), try mail.sealed(using: random, keys: keys)] {
            #expect(try Mail(opening: box, with: node) == mail)
        }
        #expect(throws: RecordError.notForUs) {
            try Mail(opening: mail.sealed(using: random, keys: keys), with: alice)
        }
        let seal = AuditSeal.document(of: .empty, first: 1, signedBy: node)
        #expect(try AuditSeal(verifying: seal.canonicalBytes).signer == alice.key)
    }
}
