import OverlayCrypto
import PosternModel
import TestSupport
import Testing
import TrustCore

@Suite struct TrustStateTests {
    let given = Grant(from: alice, to: bob.key, services: .names(["planner"]), issued: time(0), expires: time(100))
    let received = Grant(from: bob, to: alice.key, services: .all, issued: time(0))

    func state(_ grants: [Grant] = [], _ revocations: [Revocation] = []) -> TrustState {
        var state = TrustState(owner: alice.key)
        for grant in grants { state.add(grant) }
        for revocation in revocations { state.add(revocation) }
        return state
    }

    @Test func `a one-sided grant opens nothing, whichever side gave it (R8, S3)`() {
        #expect(state([given]).standing(of: bob.key, at: time(1)) == .given(given))
        #expect(state([received]).standing(of: bob.key, at: time(1)) == .received(received))
        for one in [given, received] {
            #expect(!state([one]).standing(of: bob.key, at: time(1)).isMutual)
            #expect(state([one]).peers(at: time(1)).isEmpty)
        }
    }

    @Test func `both grants open the services that ours names and no others (R8)`() {
        let both = state([given, received])
        #expect(both.standing(of: bob.key, at: time(1)) == .mutual(given: given, received: received))
        let policy = AccessPolicy(
            ["planner", "clock"].enumerated().map { number, name in
                let service = Service(name: ServiceName(name)!, port: VirtualPort(UInt16(80 + number)), kind: .http)
                return ExposedRule(service: service, allow: [.trusted])
            }
        )
        func access(_ peer: NodeKey, _ port: UInt16) -> Access {
            let standing = both.standing(of: peer, at: time(1))
            return policy.decide(.init(key: peer, name: nil, standing: standing), VirtualPort(port))
        }
        #expect(access(bob.key, 80).isAdmitted)
        #expect(access(bob.key, 81) == .refused(.notGranted))
        #expect(access(mallory.key, 80) == .refused(.notTrusted))
    }

    @Test func `a trust ends when either grant does`() {
        #expect(state([given, received]).standing(of: bob.key, at: time(100)) == .received(received))
        #expect(state([given, received]).nextExpiry(after: time(5)) == time(100))
    }

    @Test func `a grant to somebody else or from somebody else is nothing to us`() {
        let strange = Grant(from: bob, to: mallory.key, services: .all, issued: time(0))
        #expect(state([given, strange]).standing(of: bob.key, at: time(1)) == .given(given))
        #expect(state([strange]).standing(of: mallory.key, at: time(1)) == .none)
    }

    @Test func `a revocation by either side ends it, and stays whatever arrives again`() {
        let ours = Revocation(from: alice, to: bob.key, issued: time(10))
        let theirs = Revocation(from: bob, to: alice.key, issued: time(10))
        for revocation in [ours, theirs] {
            var after = state([given, received], [revocation])
            #expect(!after.standing(of: bob.key, at: time(11)).isMutual)
            after.add(given)
            after.add(received)
            #expect(!after.standing(of: bob.key, at: time(11)).isMutual)
        }
    }

    @Test func `somebody else's revocation ends nothing`() {
        let foreign = Revocation(from: mallory, to: alice.key, issued: time(10))
        #expect(state([given, received], [foreign]).standing(of: bob.key, at: time(11)).isMutual)
    }

    @Test func `a revocation holds against its own grants even when the clock went back`() {
        let early = state([given, received])
        let issued = early.issueTime(towards: bob.key, now: time(-500))
        #expect(issued > given.issued)
        var after = early
        after.add(Revocation(from: alice, to: bob.key, issued: issued))
        #expect(!after.standing(of: bob.key, at: time(-500)).isMutual)
        let renewed = Grant(
            from: alice,
            to: bob.key,
            services: .all,
            issued: after.issueTime(towards: bob.key, now: time(-500))
        )
        after.add(renewed)
        #expect(after.standing(of: bob.key, at: time(-500)).isMutual)
    }

    @Test(arguments: 0..<50)
    func `the order and repetition of records change nothing`(seed: UInt8) {
        let records: [(inout TrustState) -> Void] = [
            { $0.add(given) }, { $0.add(received) },
            { $0.add(Revocation(from: bob, to: alice.key, issued: time(5))) },
            { $0.add(Grant(from: bob, to: alice.key, services: .names(["x"]), issued: time(6))) },
            { $0.add(Grant(from: bob, to: alice.key, services: .all, issued: time(4))) },
            { $0.add(Revocation(from: alice, to: bob.key, issued: time(-1))) },
        ]
        var random = RandomSource(seed: Array(repeating: seed, count: 32))
        var shuffled = state()
        for record in (records + records).shuffled(using: &random) { record(&shuffled) }
        var ordered = state()
        for record in records { record(&ordered) }
        #expect(shuffled.standing(of: bob.key, at: time(7)) == ordered.standing(of: bob.key, at: time(7)))
        #expect(ordered.standing(of: bob.key, at: time(7)).isMutual)
    }
}
