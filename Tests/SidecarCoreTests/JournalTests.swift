import OverlayWire
import PosternModel
import SidecarCore
import Testing
import TrustCore

@Suite struct JournalTests {
    /// A sidecar's journal after a request, an approval, a rename, an invitation with its redemption, and a revocation.
    func richWorld() throws -> (world: World, key: NodeKey) {
        var world = World()
        let alice = world.add(1, "alice", advertised: [Endpoint("192.0.2.1:4000")!])
        let others = [world.add(2, "bob"), world.add(3, "carol"), world.add(4, "dave")]
        try world.befriend(alice, others[0])
        try world.befriend(others[1], alice)
        _ = try world.answer(NamePeer(peer: PeerName(others[0]), name: "robert"), at: alice)
        let token = try world.answer(CreateInvitation(uses: 2, expiresMs: 900 * 1_000, services: .all), at: alice)
        _ = try world.answer(JoinInvitation(invitation: token.invitation), at: others[2])
        _ = try world.answer(RevokeTrust(peer: PeerName(others[1])), at: alice)
        _ = try world.answer(RequestTrust(peer: others[1], services: .all, note: ""), at: alice)
        return (world, alice)
    }

    @Test func `every fact comes back from its line`() throws {
        let (world, key) = try richWorld()
        let facts = try TrustJournal.facts(in: world.nodes[key]!.journal.map { $0[...] })
        #expect(facts.count > 15)
        for fact in facts { #expect(try TrustFact(fact.document) == fact) }
        #expect(try TrustJournal.facts(in: [TrustJournal.content(facts)[...]]) == facts)
    }

    @Test func `a line that holds no facts is named`() throws {
        let line = TrustJournal.content([])[...]
        for (text, error) in [("{}", RecordError.malformed), (#"[{"fact":"other"}]"#, .invalid("fact"))] {
            #expect(throws: JournalFault(line: 2, reason: .unreadable(error))) {
                try TrustJournal.facts(in: [line, Array(text.utf8)[...], line])
            }
        }
    }

    @Test(arguments: ["[", "]", "[1", "1]", "[1,]", "[,1]", "[[1]", "[1]]", #"["\"]"#, "[1] ", "[1}", "{]"])
    func `a line that is no whole array holds no facts`(text: String) {
        #expect(throws: JournalFault(line: 1, reason: .unreadable(.malformed))) {
            try TrustJournal.facts(in: [Array(text.utf8)[...]])
        }
    }

    @Test func `a line is read however long it is`() throws {
        // Longer than what is read of anybody else; commas and brackets in texts separate nothing.
        let pad = String(repeating: "x],[{", count: 3_400_000) + #"\"],"#
        let line = #"[{"fact":"recovered","known":7,"pad":"\#(pad)"},{"fact":"recovered","known":8}]"#
        #expect(line.utf8.count > JSONLimits.defaults.byteCount)
        #expect(try TrustJournal.facts(in: [Array(line.utf8)[...]]) == [.recovered(7), .recovered(8)])
    }

    @Test func `an entry is verified when it comes, and not again under the seal of the journal (N15)`() throws {
        var world = World()
        let owner = world.add(1, "owner")
        world.pass(2)
        _ = try world.answer(CreateNetwork(name: "acme"), at: owner)
        let facts = try TrustJournal.facts(in: world.nodes[owner]!.journal.map { $0[...] })
        let text = String(decoding: TrustJournal.content(facts), as: UTF8.self)
        // Another signature of the same form: whoever verifies it refuses it.
        let signature = "\"signature\":\"\(String(repeating: "A", count: 86))\""
        let forged = text.replacing(/"signature":"[^"]{86}"/, with: signature)
        let line = Array(forged.utf8)[...]
        #expect(throws: JournalFault(line: 1, reason: .unreadable(.badSignature))) {
            try TrustJournal.facts(in: [line])
        }
        #expect(try TrustJournal.facts(in: [line], areSealed: true).count == facts.count)
    }

    @Test func `what a command was answered for is in the journal before the answer (R11)`() throws {
        let (world, key) = try richWorld()
        let node = world.nodes[key]!
        #expect(node.journalAtAnswer.count >= 4)
        for (command, journal) in node.journalAtAnswer {
            var crashed = world
            crashed.restart(key, journal: journal)
            if let id = node.answers[command]?.as(CreateInvitation.Answer.self)?.invitation.id {
                let facts = try TrustJournal.facts(in: journal.map { $0[...] })
                #expect(facts.contains { if case .invited(let made, _, _, _) = $0 { made.id == id } else { false } })
            }
            if let revoked = node.answers[command]?.as(RevokeTrust.Answer.self) {
                #expect(!crashed.isTrusted(key, revoked.did))
            }
        }
    }

    @Test func `a compacted journal gives the same trust, requests and invitations`() throws {
        let (world, key) = try richWorld()
        let node = world.nodes[key]!
        let facts = node.sidecar.compactedFacts(at: world.now.wall)
        var compacted = world
        compacted.restart(key, journal: [TrustJournal.content(facts)])
        var plain = world
        plain.restart(key)
        #expect(try compacted.answer(ListTrust(), at: key) == (try plain.answer(ListTrust(), at: key)))
        #expect(compacted.nodes[key]!.admitted == plain.nodes[key]!.admitted)
        #expect(TrustJournal.content(facts).count < node.journal.map(\.count).reduce(0, +))
    }

    @Test func `a compacted journal tells what a peer calls itself whose trust ended and who is asked again`() throws {
        var world = World()
        let alice = world.add(1, "alice")
        let bob = world.add(2, "bob")
        try world.befriend(alice, bob)
        _ = try world.answer(RevokeTrust(peer: PeerName(alice)), at: bob)
        _ = try world.answer(RevokeTrust(peer: PeerName(bob)), at: alice)
        world.nodes[bob]?.isRunning = false
        _ = try world.answer(RequestTrust(peer: .peer(PeerName(bob)), note: "again"), at: alice)
        let facts = world.nodes[alice]!.sidecar.compactedFacts(at: world.now.wall)
        var compacted = world
        compacted.restart(alice, journal: [TrustJournal.content(facts)])
        let list = try compacted.answer(ListTrust(), at: alice)
        #expect(list.outgoing.map(\.claims) == ["bob"])
        #expect(list == (try world.answer(ListTrust(), at: alice)))
        #expect(!compacted.isTrusted(alice, bob))
    }
}
