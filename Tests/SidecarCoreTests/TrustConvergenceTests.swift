import HubProtocol
import OverlayCrypto
import PosternModel
import SidecarCore
import Testing
import TrustCore

/// What two sidecars agree on when their mail crosses, overtakes itself or comes too late.
@Suite struct TrustConvergenceTests {
    /// Two sidecars whose mail the test delivers, in the order that it chooses. Alice's key is the smaller one.
    struct Ends {
        var alice: Sidecar
        var bob: Sidecar
        var now = Clocks(wall: Timestamp(seconds: 1_795_000_000), instant: Instant(nanoseconds: 0))
        private let hub: HubURL
        private var lastCommand: UInt64 = 0

        init() {
            let identities = [UInt8(1), 2].map { try! NodeIdentity(seed: Array(repeating: $0, count: 32)) }
                .sorted { $0.key.did < $1.key.did }
            hub = HubURL(.loopback(4_600), key: try! NodeIdentity(seed: Array(repeating: 250, count: 32)).key)!
            let sidecars = zip(identities, ["alice", "bob"]).map { [hub] identity, name in
                Sidecar(
                    identity: identity,
                    profile: SidecarProfile(name: name, hubs: [hub], exposed: []),
                    random: RandomSource(seed: Array(identity.key.bytes.reversed()))
                )
            }
            (alice, bob) = (sidecars[0], sidecars[1])
            for end in [\Ends.alice, \Ends.bob] {
                _ = self[keyPath: end].start(at: now)
                _ = self[keyPath: end].hubSession(hub.key, isUp: true, at: now)
            }
        }

        /// Does a command a second later; returns the mail that it leaves, sealed, and its answer.
        mutating func perform<Asked: SidecarCore.Operation>(
            _ operation: Asked,
            at end: WritableKeyPath<Ends, Sidecar>
        ) -> (mail: [[UInt8]], answer: Asked.Answer?) {
            pass(.seconds(1))
            lastCommand += 1
            let actions = self[keyPath: end].perform(
                operation,
                id: CommandID(lastCommand),
                at: now,
                seeing: Unseen()
            )
            let answers = actions.compactMap { action -> Asked.Answer? in
                if case .answer(_, let answer) = action { answer.as(Asked.Answer.self) } else { nil }
            }
            return (settle(actions, at: end), answers.first)
        }

        /// Delivers mail; returns what is answered to it by mail.
        mutating func deliver(_ mail: [[UInt8]], to end: WritableKeyPath<Ends, Sidecar>) -> [[UInt8]] {
            mail.flatMap { sealed in
                let event = HubEvent.mail(id: RecordID(ofBytes: sealed), sealed: sealed, as: .known)
                let actions = self[keyPath: end].receive(event, from: hub.key, at: now)
                return settle(actions, at: end)
            }
        }

        /// The hub takes what is deposited; the test delivers it.
        private mutating func settle(_ actions: [SidecarAction], at end: WritableKeyPath<Ends, Sidecar>) -> [[UInt8]] {
            for case .hubRequest(let id, _, .deposit) in actions {
                _ = self[keyPath: end].hubAnswered(id, .done, at: now)
            }
            return mail(in: actions)
        }

        mutating func pass(_ interval: Interval) {
            now.wall = now.wall + interval
            now.instant = now.instant + .seconds(1)
        }

        /// The secrets with which each would meet the other; nil where it would not.
        var secrets: [PreSharedKey?] {
            [(alice, bob), (bob, alice)].map { sidecar, peer in
                let facts = sidecar.compactedFacts(at: now.wall)
                guard sidecar.isTrusted(peer.key, at: now) else { return nil }
                return facts.compactMap { fact in
                    if case .trusted(let relationship) = fact { relationship.secret } else { nil }
                }.first
            }
        }

        /// The grants that a compacted journal of Alice's holds.
        var grantsToAlice: [Grant] {
            alice.compactedFacts(at: now.wall).compactMap { fact in
                if case .trusted(let relationship) = fact { relationship.received } else { nil }
            }
        }

        private func mail(in actions: [SidecarAction]) -> [[UInt8]] {
            actions.flatMap { action -> [[UInt8]] in
                guard case .persist(let facts) = action else { return [] }
                return facts.compactMap { fact in
                    guard case .outbox(let entry) = fact, case .deposit(_, let sealed, _) = entry.request else {
                        return nil
                    }
                    return sealed
                }
            }
        }
    }

    private func request(_ sidecar: Sidecar, for services: ServiceSet = .all) -> RequestTrust {
        RequestTrust(peer: sidecar.key, services: services)
    }

    @Test func `two approvals that cross leave one secret on both sides`() {
        var ends = Ends()
        let fromAlice = ends.perform(request(ends.bob), at: \.alice).mail
        let fromBob = ends.perform(request(ends.alice), at: \.bob).mail
        #expect(ends.deliver(fromAlice, to: \.bob).isEmpty)
        let approval = ends.perform(ApproveRequest(id: ends.alice.key.did), at: \.bob).mail
        let crossing = ends.deliver(fromBob, to: \.alice)
        #expect(crossing.count == 1)
        _ = ends.deliver(approval, to: \.alice)
        _ = ends.deliver(crossing, to: \.bob)
        #expect(ends.secrets[0] != nil)
        #expect(ends.secrets[0] == ends.secrets[1])
    }

    @Test func `a request that its asker withdraws waits no longer`() {
        var ends = Ends()
        let asked = ends.perform(request(ends.bob), at: \.alice).mail
        _ = ends.deliver(asked, to: \.bob)
        #expect(ends.bob.pendingCount == 1)
        let revoked = ends.perform(RevokeTrust(peer: PeerName(ends.bob.key)), at: \.alice).mail
        _ = ends.deliver(revoked, to: \.bob)
        #expect(ends.bob.pendingCount == 0)
        // A late copy of it is not asked again.
        _ = ends.deliver(asked, to: \.bob)
        #expect(ends.bob.pendingCount == 0)
    }

    @Test func `whoever accepts what was withdrawn is told so, also when the revocation came first`() {
        var ends = Ends()
        let asked = ends.perform(request(ends.bob), at: \.alice).mail
        let revoked = ends.perform(RevokeTrust(peer: PeerName(ends.bob.key)), at: \.alice).mail
        _ = ends.deliver(revoked, to: \.bob)
        _ = ends.deliver(asked, to: \.bob)
        let accepted = ends.perform(ApproveRequest(id: ends.alice.key.did), at: \.bob).mail
        #expect(ends.bob.isTrusted(ends.alice.key, at: ends.now))
        let told = ends.deliver(accepted, to: \.alice)
        _ = ends.deliver(told, to: \.bob)
        #expect(ends.secrets == [nil, nil])
    }

    @Test func `the acceptance of a request that was repeated meanwhile makes a trust`() {
        var ends = Ends()
        let first = ends.perform(request(ends.bob), at: \.alice).mail
        let second = ends.perform(request(ends.bob), at: \.alice).mail
        _ = ends.deliver(first, to: \.bob)
        let accepted = ends.perform(ApproveRequest(id: ends.alice.key.did), at: \.bob).mail
        _ = ends.deliver(second, to: \.bob)
        _ = ends.deliver(accepted, to: \.alice)
        let refused = ends.perform(RejectRequest(id: ends.alice.key.did), at: \.bob).mail
        _ = ends.deliver(refused, to: \.alice)
        #expect(ends.secrets[0] != nil)
        #expect(ends.secrets[0] == ends.secrets[1])
    }

    @Test func `a request replaces an earlier one although the asker's clock was set back between them`() {
        var ends = Ends()
        let first = ends.perform(request(ends.bob), at: \.alice).mail
        ends.pass(.seconds(-3_600))
        let second = ends.perform(request(ends.bob, for: .names([])), at: \.alice)
        _ = ends.deliver(first, to: \.bob)
        _ = ends.deliver(second.mail, to: \.bob)
        let waiting = ends.bob.trustList(at: ends.now.wall, seeing: Unseen()).pending
        #expect(waiting.map(\.id) == [second.answer?.id])
        // The earlier one is not asked again by a late copy.
        _ = ends.deliver(first, to: \.bob)
        #expect(ends.bob.pendingCount == 1)
    }

    @Test func `a request that was withdrawn before it arrives is not asked`() {
        var ends = Ends()
        let late = ends.perform(request(ends.bob), at: \.alice).mail
        let asked = ends.perform(request(ends.bob), at: \.alice).mail
        let revoked = ends.perform(RevokeTrust(peer: PeerName(ends.bob.key)), at: \.alice).mail
        _ = ends.deliver(asked + revoked + late, to: \.bob)
        #expect(ends.bob.pendingCount == 0)
    }

    @Test func `whoever ends a trust and joins again is trusted, although the end is heard of last`() throws {
        var ends = Ends()
        let invited = ends.perform(CreateInvitation(expiresMs: 3_600_000), at: \.alice).answer
        let invitation = try #require(invited).invitation
        let claimed = ends.perform(JoinInvitation(invitation: invitation), at: \.bob).mail
        _ = ends.deliver(ends.deliver(claimed, to: \.alice), to: \.bob)
        #expect(ends.secrets[0] != nil)
        let revoked = ends.perform(RevokeTrust(peer: PeerName(ends.alice.key)), at: \.bob).mail
        let again = ends.perform(JoinInvitation(invitation: invitation), at: \.bob).mail
        _ = ends.deliver(ends.deliver(again, to: \.alice), to: \.bob)
        _ = ends.deliver(revoked, to: \.alice)
        #expect(ends.secrets[0] != nil)
        #expect(ends.secrets[0] == ends.secrets[1])
    }

    @Test func `a claim that comes late does not take the place of a newer grant`() throws {
        var ends = Ends()
        let invited = ends.perform(CreateInvitation(expiresMs: 3_600_000), at: \.alice).answer
        let invitation = try #require(invited).invitation
        let claimed = ends.perform(JoinInvitation(invitation: invitation), at: \.bob).mail
        let revoked = ends.perform(RevokeTrust(peer: PeerName(ends.alice.key)), at: \.bob).mail
        let asked = ends.perform(request(ends.alice), at: \.bob).mail
        _ = ends.deliver(asked, to: \.alice)
        _ = ends.perform(ApproveRequest(id: ends.bob.key.did), at: \.alice)
        let received = ends.grantsToAlice
        _ = ends.deliver(claimed + revoked, to: \.alice)
        #expect(ends.alice.isTrusted(ends.bob.key, at: ends.now))
        #expect(received.count == 1 && ends.grantsToAlice == received)
    }

    @Test func `an approval of a withdrawn request that crosses another one leaves one secret`() {
        for (first, second) in [(\Ends.alice, \Ends.bob), (\Ends.bob, \Ends.alice)] {
            var ends = Ends()
            let (asker, other) = (ends[keyPath: first], ends[keyPath: second])
            let withdrawn = ends.perform(request(other), at: first).mail
            let revoked = ends.perform(RevokeTrust(peer: PeerName(other.key)), at: first).mail
            _ = ends.deliver(revoked + withdrawn, to: second)
            let asked = ends.perform(request(asker), at: second).mail
            _ = ends.deliver(asked, to: first)
            let approval = ends.perform(ApproveRequest(id: other.key.did), at: first).mail
            let crossing = ends.perform(ApproveRequest(id: asker.key.did), at: second).mail
            _ = ends.deliver(crossing, to: first)
            _ = ends.deliver(approval, to: second)
            #expect(ends.secrets[0] != nil)
            #expect(ends.secrets[0] == ends.secrets[1])
        }
    }

    /// Alice has asked, Bob has approved that; before she hears of it the request was answered by an earlier one of
    /// his, which he has withdrawn, and her next one is lost.
    private func approvalTooLate() -> (ends: Ends, told: [[UInt8]]) {
        var ends = Ends()
        let withdrawn = ends.perform(request(ends.alice), at: \.bob).mail
        let revoked = ends.perform(RevokeTrust(peer: PeerName(ends.alice.key)), at: \.bob).mail
        let asked = ends.perform(request(ends.bob), at: \.alice).mail
        _ = ends.deliver(asked, to: \.bob)
        let approval = ends.perform(ApproveRequest(id: ends.alice.key.did), at: \.bob).mail
        _ = ends.deliver(withdrawn + revoked, to: \.alice)
        let lost = ends.perform(request(ends.bob, for: .names([])), at: \.alice).mail
        #expect(lost.count == 1)
        let told = ends.deliver(approval, to: \.alice)
        return (ends, told)
    }

    @Test func `an approval of what is no longer open has the open request made again`() {
        var (ends, told) = approvalTooLate()
        #expect(told.count == 2)
        for mail in told.reversed() { _ = ends.deliver([mail], to: \.bob) }
        #expect(ends.secrets == [nil, nil])
        #expect(ends.bob.trustList(at: ends.now.wall, seeing: Unseen()).pending.map(\.services) == [.names([])])
        let approval = ends.perform(ApproveRequest(id: ends.alice.key.did), at: \.bob).mail
        _ = ends.deliver(approval, to: \.alice)
        #expect(ends.secrets[0] != nil)
        #expect(ends.secrets[0] == ends.secrets[1])
    }

    @Test func `a refused request gives nothing to whoever asks in return`() {
        var ends = Ends()
        let asked = ends.perform(request(ends.bob), at: \.alice).mail
        _ = ends.deliver(asked, to: \.bob)
        let refused = ends.perform(RejectRequest(id: ends.alice.key.did), at: \.bob).mail
        _ = ends.deliver(refused, to: \.alice)
        let inReturn = ends.perform(request(ends.alice), at: \.bob).mail
        _ = ends.deliver(inReturn, to: \.alice)
        #expect(ends.alice.pendingCount == 1)
        #expect(ends.secrets == [nil, nil])
        #expect(!ends.alice.isTrusted(ends.bob.key, at: ends.now))
    }

    @Test func `a compacted journal keeps the names of peers with which no trust stands`() {
        var ends = Ends()
        let asked = ends.perform(request(ends.bob), at: \.alice).mail
        _ = ends.deliver(asked, to: \.bob)
        let accepted = ends.perform(ApproveRequest(id: ends.alice.key.did), at: \.bob).mail
        _ = ends.deliver(accepted, to: \.alice)
        _ = ends.perform(NamePeer(peer: PeerName(ends.bob.key), name: "bob"), at: \.alice)
        let revoked = ends.perform(RevokeTrust(peer: PeerName(ends.alice.key)), at: \.bob).mail
        _ = ends.deliver(revoked, to: \.alice)
        _ = ends.perform(RevokeTrust(peer: PeerName(ends.bob.key)), at: \.alice)
        let again = Sidecar(
            identity: try! NodeIdentity(seed: Array(repeating: 9, count: 32)),
            profile: SidecarProfile(name: "again", hubs: [], exposed: []),
            facts: ends.alice.compactedFacts(at: ends.now.wall),
            random: RandomSource(seed: Array(repeating: 9, count: 32))
        )
        #expect(ends.alice.name(of: ends.bob.key) == "bob")
        #expect(again.name(of: ends.bob.key) == "bob")
    }
}
