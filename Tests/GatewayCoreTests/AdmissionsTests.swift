import PosternModel
import Testing

@testable import GatewayCore

@Suite struct AdmissionsTests {
    private let peers = (1...4).map { NodeKey(bytes: Array(repeating: $0, count: 32))! }

    @Test func `some descriptors are kept aside, and no limit exceeds the rest`() {
        #expect(ConnectionLimits(descriptors: 1024).total == 768)
        #expect(ConnectionLimits(descriptors: 1 << 20).total == ConnectionLimits.usualTotal)
        #expect(ConnectionLimits(descriptors: 1024, total: 5000).total == 768)
        #expect(ConnectionLimits(descriptors: 1024, total: 100).total == 100)
    }

    private func admissions(total: Int, perPeer: Int = 100) -> Admissions {
        Admissions(limits: ConnectionLimits(descriptors: 1000, total: total, perPeer: perPeer))
    }

    /// How many of a hundred streams of `peer` are admitted.
    private func fill(_ admissions: inout Admissions, with peer: NodeKey) -> Int {
        var count = 0
        for _ in 0..<100 where admissions.admitStream(of: peer) { count += 1 }
        return count
    }

    /// What becomes of `count` clients.
    private func admit(_ count: Int, to admissions: inout Admissions) -> [Admissions.ClientAdmission] {
        var outcomes: [Admissions.ClientAdmission] = []
        for _ in 0..<count { outcomes.append(admissions.admitClient()) }
        return outcomes
    }

    @Test func `however many connections peers hold, clients have a quarter, and the other way round`() {
        var full = admissions(total: 100)
        var streams = 0
        for peer in peers { streams += fill(&full, with: peer) }
        #expect((60...75).contains(streams))
        let clients = admit(25, to: &full)
        #expect(clients.allSatisfy { $0 == .admitted })

        var busy = admissions(total: 100)
        let outcomes = admit(76, to: &busy)
        #expect(outcomes.count { $0 == .admitted } == 75)
        #expect(fill(&busy, with: peers[0]) == 12)
        #expect(fill(&busy, with: peers[1]) == 6)
    }

    @Test func `one peer gets at most half, and the next finds room`() {
        var admissions = admissions(total: 100)
        #expect(fill(&admissions, with: peers[0]) == 38)
        #expect(fill(&admissions, with: peers[1]) == 19)
        #expect(fill(&admissions, with: peers[2]) == 9)
        admissions.releaseStream(of: peers[0])
        #expect(fill(&admissions, with: peers[2]) > 0)
    }

    @Test func `a bounded number of clients is told that there is no room`() {
        var admissions = admissions(total: 4)
        let outcomes = admit(100, to: &admissions)
        #expect(outcomes.count { $0 == .admitted } == 3)
        #expect(outcomes.count { $0 == .overLimit } == 64)
        for _ in 0..<67 { admissions.releaseClient() }
        #expect(admit(1, to: &admissions) == [.admitted])
    }

    @Test func `a budget holds a minute's requests and refills evenly`() {
        var now = Instant(nanoseconds: 0)
        let budget = RequestBudget(requestsPerMinute: 60, at: now)
        #expect((0..<60).allSatisfy { _ in budget.take(at: now) })
        #expect(!budget.take(at: now))
        now = now + .milliseconds(999)
        #expect(!budget.take(at: now))
        now = now + .milliseconds(1)
        #expect(budget.take(at: now))
        #expect(!budget.take(at: now))
        now = now + .seconds(86_400)
        #expect((0..<60).allSatisfy { _ in budget.take(at: now) })
        #expect(!budget.take(at: now))
    }
}
