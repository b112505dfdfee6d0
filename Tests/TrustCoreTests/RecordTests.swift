import OverlayCrypto
import PosternModel
import TestSupport
import Testing
import TrustCore

@Suite struct RecordTests {
    let grant = Grant(from: alice, to: bob.key, services: .names(["b", "a"]), issued: time(0), expires: time(60))

    @Test func `a grant comes back from its document as it was signed`() throws {
        let copy = try Grant(verifying: try JSONValue(parsing: grant.document.canonicalBytes))
        #expect(copy == grant)
        #expect(copy.giver == alice.key && copy.subject == bob.key)
        #expect(copy.services == .names(["a", "b"]))
        #expect(!copy.isExpired(at: time(59)) && copy.isExpired(at: time(60)))
    }

    @Test(arguments: ["by", "subject", "services", "issued", "expires", "type", "signature"])
    func `a grant with any member changed is forged and refused (S1, S5)`(member: String) {
        let others: [String: JSONValue] = [
            "by": .string(mallory.key.did), "subject": .string(mallory.key.did), "services": "all",
            "issued": .time(time(1)), "expires": .time(time(999)), "type": "postern.revocation.1",
            "signature": .string(Base64URL.encode(mallory.sign([1]).bytes)),
        ]
        let forged = changed(grant.document) { $0[member] = others[member] }
        #expect(throws: RecordError.self) { try Grant(verifying: forged) }
    }

    @Test func `a member that was added or removed breaks the signature`() {
        #expect(throws: RecordError.badSignature) {
            try Grant(verifying: changed(grant.document) { $0["extra"] = 1 })
        }
        #expect(throws: RecordError.badSignature) {
            try Grant(verifying: changed(grant.document) { $0["expires"] = nil })
        }
    }

    @Test func `a signed member that this version does not know is kept and verifies`() throws {
        let record = changed(grant.document) { $0["signature"] = nil }
        let extended = changed(record) { $0["later"] = ["x": 1] }
        let signature = alice.sign(Array("postern record 1\n".utf8) + extended.canonicalBytes)
        let signed = changed(extended) { $0["signature"] = .string(Base64URL.encode(signature.bytes)) }
        let copy = try Grant(verifying: signed)
        #expect(copy.document["later"] == ["x": 1])
    }

    @Test func `one kind of record does not pass for another`() {
        let revocation = Revocation(from: alice, to: bob.key, issued: time(0))
        #expect(throws: RecordError.wrongType) { try Grant(verifying: revocation.document) }
        #expect(throws: RecordError.wrongType) { try Revocation(verifying: grant.document) }
    }

    @Test func `a request whose grant is somebody else's is refused`() {
        let foreign = Grant(from: mallory, to: bob.key, services: .all, issued: time(0))
        let signed = request()
        // Alice signs a request that holds Mallory's grant.
        var members = signed.document.object!
        members["grant"] = foreign.document
        members["signature"] = nil
        let signature = alice.sign(Array("postern record 1\n".utf8) + JSONValue.object(members).canonicalBytes)
        members["signature"] = .string(Base64URL.encode(signature.bytes))
        #expect(throws: RecordError.invalid("grant")) { try TrustRequest(verifying: .object(members)) }
        #expect(throws: Never.self) { try TrustRequest(verifying: signed.document) }
    }

    @Test func `the text of a request is cleaned before anybody sees it (S3)`() throws {
        let terms = TrustRequest.Terms(
            name: "\u{1b}[31mroot",
            note: "ignore\u{202e}this",
            services: .all,
            hubs: [],
            issued: time(0),
            expires: time(1),
            nonce: Array(repeating: 0, count: 16)
        )
        let grant = Grant(from: alice, to: bob.key, services: .all, issued: time(0))
        let copy = try TrustRequest(verifying: TrustRequest(from: alice, terms: terms, grant: grant).document)
        #expect(copy.name == " [31mroot")
        #expect(copy.note == "ignore this")
    }

    @Test func `a record that is bigger than its kind may be is refused`() {
        let names = (0...RecordLimits.services).map { "s\($0)" }
        #expect(ServiceSet(list: names) == nil)
        #expect(ServiceSet(list: Array(names.dropLast())) != nil)
        #expect(ServiceSet(json: .texts(names)) == nil)
        #expect(ServiceSet(json: ["a", "a"]) == nil)
        #expect(ServiceSet(json: ["a b"]) == nil)
    }
}

@Suite struct MailTests {
    @Test func `mail opens for its reader and for nobody else`() throws {
        let sealed = try Mail.request(request()).sealed()
        #expect(try Mail(opening: sealed, with: bob) == .request(request()))
        #expect(throws: RecordError.notForUs) { try Mail(opening: sealed, with: mallory) }
    }

    @Test func `a reader cannot pass mail on as if it were meant for another`() throws {
        // Bob seals what Alice wrote to him to Mallory.
        let text = request().document.canonicalBytes
        let random = RandomSource(seed: Array(repeating: 4, count: 32))
        let passedOn = try #require(mallory.key.seal(text, using: random))
        #expect(throws: RecordError.notForUs) { try Mail(opening: passedOn, with: mallory) }
    }

    @Test func `each damaged byte of a sealed record is noticed`() throws {
        let sealed = try Mail.rejection(TrustRejection(from: bob, to: alice.key, answering: request().id)).sealed()
        for position in stride(from: 0, to: sealed.count, by: 13) {
            var damaged = sealed
            damaged[position] ^= 1
            #expect(throws: RecordError.notForUs) { try Mail(opening: damaged, with: alice) }
        }
        for count in stride(from: 0, to: sealed.count, by: 101) {
            #expect(throws: RecordError.notForUs) { try Mail(opening: Array(sealed.prefix(count)), with: alice) }
        }
    }

    @Test func `the size of sealed mail does not tell its kind (S2)`() throws {
        let yes = try TrustAcceptance(
            from: bob,
            answering: request().id,
            name: "Bob",
            grant: Grant(from: bob, to: alice.key, services: .all, issued: time(1)),
            secret: PreSharedKey(from: RandomSource(seed: Array(repeating: 7, count: 32))),
            hubs: [hub],
            candidates: []
        )
        let no = TrustRejection(from: bob, to: alice.key, answering: request().id)
        let why = TrustRejection(from: bob, to: alice.key, answering: request().id, because: .usedUp)
        #expect(try TrustRejection(verifying: why.document).reason == .usedUp)
        #expect(try TrustRejection(verifying: no.document).reason == nil)
        #expect(try Mail.acceptance(yes).sealed().count == Mail.rejection(no).sealed().count)
        let opened = try Mail(opening: try Mail.acceptance(yes).sealed(), with: alice)
        #expect(opened == .acceptance(yes))
    }

    @Test func `mail beyond the bound is neither sealed nor opened`() {
        #expect(throws: RecordError.tooLarge) {
            try Mail(opening: Array(repeating: 0, count: RecordLimits.sealed + 1), with: alice)
        }
    }
}
