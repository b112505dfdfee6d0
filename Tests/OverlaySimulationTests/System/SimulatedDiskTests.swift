import OverlayCrypto
import OverlaySimulation
import OverlayWire
import PosternModel
import Testing
import TrustCore

@testable import SidecarCore

@Suite struct SimulatedFileTests {
    @Test func `a killed process loses nothing that it wrote`() {
        var chance = Chance(seed: 1)
        var file = SimulatedFile()
        file.write([1, 2, 3], at: 0)
        file.survive(.process, &chance)
        #expect(file.content == [1, 2, 3])
    }

    @Test(arguments: UInt64(1)...40)
    func `a power failure leaves what was synchronized and a part of the rest`(seed: UInt64) {
        var chance = Chance(seed: seed)
        var file = SimulatedFile()
        file.write([1, 2, 3], at: 0)
        file.synchronize()
        file.write([4, 5, 6], at: 3)
        file.survive(.power(canDamage: false), &chance)
        #expect((3...6).contains(file.content.count))
        #expect(file.content == Array([1, 2, 3, 4, 5, 6].prefix(file.content.count)))
    }

    @Test func `a power failure can cut and can damage`() {
        let outcomes = (UInt64(1)...60).map { seed in
            var chance = Chance(seed: seed)
            var file = SimulatedFile()
            file.write([1, 2, 3], at: 0)
            file.synchronize()
            file.write([4, 5, 6], at: 3)
            file.survive(.power(canDamage: true), &chance)
            return file.content
        }
        #expect(outcomes.allSatisfy { $0.starts(with: [1, 2, 3]) })
        #expect(Set(outcomes.map(\.count)) == [3, 4, 5, 6])
        #expect(outcomes.contains { !Array([1, 2, 3, 4, 5, 6]).starts(with: $0) })
    }
}

@Suite struct CommitQueueTests {
    private let peer = try! NodeIdentity(seed: Array(repeating: 3, count: 32)).key
    private var facts: [TrustFact] { [.named(peer, "bob")] }

    @Test func `an answer waits for the facts before it, and what closes something does not`() {
        var queue = CommitQueue()
        #expect(queue.take(.persist(facts), factCount: 1) == nil)
        #expect(queue.take(.answer(CommandID(1), nil), factCount: 1) == nil)
        #expect(queue.take(.expel(peer, .refused), factCount: 1)?.action == .expel(peer, .refused))
        #expect(queue.beginWrite() == facts)
        #expect(queue.beginWrite() == nil)
        #expect(queue.succeed().map(\.action) == [.answer(CommandID(1), nil)])
        #expect(queue.take(.answer(CommandID(2), nil), factCount: 1)?.action == .answer(CommandID(2), nil))
    }

    @Test func `facts that come during a write go together with the next`() {
        var queue = CommitQueue()
        _ = queue.take(.persist(facts), factCount: 1)
        #expect(queue.beginWrite() == facts)
        for number in UInt64(1)...3 {
            _ = queue.take(.persist(facts), factCount: Int(number) + 1)
            _ = queue.take(.answer(CommandID(number), nil), factCount: Int(number) + 1)
        }
        #expect(queue.succeed().isEmpty)
        #expect(queue.beginWrite()?.count == 3)
        #expect(queue.succeed().map(\.factCount) == [2, 3, 4])
    }

    @Test func `a failed write takes answers back and keeps everything else for the next`() {
        let problem = Problem(code: "state-unusable", message: "m", hint: "h")
        var queue = CommitQueue()
        _ = queue.take(.persist(facts), factCount: 1)
        _ = queue.take(.answer(CommandID(1), nil), factCount: 1)
        _ = queue.take(.setRelay(peer, hub: peer, RelayChannel(1)), factCount: 1)
        #expect(queue.beginWrite() == facts)
        #expect(queue.fail(problem, dropsPromises: false) == [.fail(CommandID(1), problem)])
        #expect(queue.beginWrite() == nil)
        queue.resume()
        #expect(queue.beginWrite() == facts)
        #expect(queue.succeed().map(\.action) == [.setRelay(peer, hub: peer, RelayChannel(1))])
    }

    @Test func `a peer that is shut out while it waits is not let in afterwards`() {
        let admission = PeerAdmission(key: peer, secret: [], candidates: [], isGuest: false)
        var queue = CommitQueue()
        _ = queue.take(.persist(facts), factCount: 1)
        _ = queue.take(.admit(admission), factCount: 1)
        _ = queue.take(.expel(peer, .refused), factCount: 1)
        #expect(queue.beginWrite() == facts)
        #expect(queue.succeed().isEmpty)
    }
}
