import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TestSupport
import Testing
import TrustCore

/// Journals of sidecars that gave every peer a name.
@Suite struct FormerJournalTests {
    let own = try! NodeIdentity(seed: Array(repeating: 1, count: 32))
    let now = Clocks(wall: Timestamp(seconds: 1_795_000_000), instant: Instant(nanoseconds: 0))

    private func bond(with peer: NodeIdentity, called name: String) -> JSONValue {
        let given = Grant(from: own, to: peer.key, services: .all, issued: now.wall)
        let received = Grant(from: peer, to: own.key, services: .all, issued: now.wall)
        return [
            "fact": "bonded",
            "bond": [
                "peer": .string(peer.key.did), "given": given.document, "received": received.document,
                "secret": .string(Base64URL.encode(Array(repeating: 7, count: 32))), "name": .string(name),
                "hubs": [], "candidates": [], "since": .time(now.wall),
            ],
        ]
    }

    private func named(_ peer: NodeIdentity, _ name: String) -> JSONValue {
        ["fact": "named", "peer": .string(peer.key.did), "name": .string(name)]
    }

    private func joining(_ inviter: NodeIdentity, called name: String) -> (fact: JSONValue, answered: JSONValue) {
        let invitation = Invitation(
            inviter: inviter.key,
            name: name,
            hubs: [],
            candidates: [],
            services: .all,
            expires: now.wall + .seconds(3_600),
            secret: InvitationSecret(bytes: Array(repeating: 9, count: 32))!
        )
        let grant = Grant(from: own, to: inviter.key, services: .all, issued: now.wall)
        let claim = InvitationClaim(from: own, invitation: invitation, name: "own", grant: grant, hubs: [])
        return (
            ["fact": "joining", "invitation": .string(invitation.token), "claim": claim.document],
            ["fact": "answered", "id": .string(claim.id.description)]
        )
    }

    private func sidecar(_ lines: [[JSONValue]]) throws -> Sidecar {
        let facts = try TrustJournal.facts(in: lines.map { JSONValue.array($0).canonicalBytes[...] })
        return Sidecar(
            identity: own,
            profile: SidecarProfile(name: "own", hubs: [], exposed: []),
            facts: facts,
            random: RandomSource(seed: Array(repeating: 1, count: 32))
        )
    }

    @Test func `of former journals only given names and those of inviters stay bound`() throws {
        let peers = try (2...5).map { try NodeIdentity(seed: Array(repeating: $0, count: 32)) }
        let (claimer, renamed, inviter, ended) = (peers[0], peers[1], peers[2], peers[3])
        let joining = joining(inviter, called: "inviter")
        let sidecar = try sidecar([
            [bond(with: claimer, called: "research")],
            [bond(with: renamed, called: "bob")], [named(renamed, "robert")],
            [joining.fact], [joining.answered, bond(with: inviter, called: "inviter")],
            // What compaction has left of a peer whose trust ended: the name may be a claim.
            [named(ended, "planner")],
        ])
        #expect(peers.map { sidecar.name(of: $0.key) } == [nil, "robert", "inviter", nil])
        #expect(peers.map { sidecar.isTrusted($0.key, at: now) } == [true, true, true, false])
        guard case .unknown(let hint) = sidecar.find("research", at: now) else {
            Issue.record("a claimed name is nobody's")
            return
        }
        #expect(hint.contains(claimer.key.did))
    }

    @Test func `an answer that was no yes makes nobody an inviter`() throws {
        let peer = try NodeIdentity(seed: Array(repeating: 2, count: 32))
        let joining = joining(peer, called: "peer")
        let sidecar = try sidecar([
            [joining.fact], [joining.answered, named(peer, "peer")], [bond(with: peer, called: "peer")],
        ])
        #expect(sidecar.name(of: peer.key) == nil && sidecar.isTrusted(peer.key, at: now))
    }
}
