import PosternModel
import SidecarCore
import TrustCore

/// An old copy of its state directory under a sidecar, as the world knows it: what was lost, and what the sidecar has
/// been told of that.
struct Rollback {
    /// The numbers of the ends that the journal had behind the copy, by their hashes.
    private var lost: [String: Int64]
    /// Whom the operator has revoked meanwhile, with a number that the journal had come to by then.
    private var revoked: [(peer: Int, sequence: Int64)]
    /// The highest number that the sidecar was told of; 0: it knows of nothing.
    private(set) var told: Int64 = 0
    /// Up to which number it has recovered.
    private var recovered: Int64 = 0

    /// The copy before which the journal has had the ends `lost`, and its operator has revoked `revoked`.
    init(lost ends: [ChainHead], revoked: [(peer: Int, sequence: Int64)]) {
        lost = Dictionary(ends.map { ($0.hash, $0.sequence) }) { first, _ in first }
        self.revoked = revoked
    }

    /// It is told `mark`. Returns whether that is news to it.
    mutating func tell(_ mark: StateMark) -> Bool {
        guard let sequence = lost[mark.head.hash], sequence > max(told, recovered) else { return false }
        told = sequence
        return true
    }

    /// Whether it must trust nobody.
    var isRecoveryNeeded: Bool { told > recovered }

    /// It has recovered, with all that a hub knows up to what it was told. `isConfirmed`: its operator has taken the
    /// rest on himself.
    mutating func recover(isConfirmed: Bool) {
        recovered = max(recovered, told)
        if isConfirmed { revoked = [] }
    }

    /// Whether its operator has revoked `peer` before what it was told of.
    func hasLost(_ peer: Int) -> Bool { revoked.contains { $0.peer == peer && $0.sequence <= recovered } }

    /// Whether it cannot know that its operator has revoked `peer`.
    func isForgotten(_ peer: Int) -> Bool {
        !isRecoveryNeeded && revoked.contains { $0.peer == peer && $0.sequence > recovered }
    }

    /// Its operator revokes `peer` again.
    mutating func revoke(_ peer: Int) { revoked.removeAll { $0.peer == peer } }
}

/// A revocation that an operator was told is done, and a number that the sidecar's journal had come to by then.
struct AcknowledgedRevocation {
    let sidecar: Int
    let peer: Int
    let head: ChainHead
}

// What an old copy of a state directory changes about what is right.
extension SystemWorld {
    /// Whether `number` may admit `peer` as far as it can know.
    func isAllowed(_ number: Int, _ peer: Int) -> Bool {
        ledger.isAllowed(number, peer) || isForgotten(number, peer) || network.mayAdmit(number, peer)
    }

    func isForgotten(_ number: Int, _ peer: Int) -> Bool { rollbacks[number]?.isForgotten(peer) ?? false }

    /// Somebody puts an old copy in the place of the state directory of a sidecar that does not run.
    mutating func restoreCopy(_ number: Int) {
        guard let lost = sidecars[number].restoreCopy() else { return }
        note("an old copy of the state of s\(number) is put in its place")
        let hashes = Set(lost.map(\.hash))
        let revoked = revocations.filter { $0.sidecar == number && hashes.contains($0.head.hash) }
        rollbacks[number] = Rollback(lost: lost, revoked: revoked.map { ($0.peer, $0.head.sequence) })
        acknowledged.removeAll { $0.sidecar == number }
    }

    /// A sidecar that was told that its state is old has nobody admitted any more.
    mutating func checkRollback(of number: Int) {
        guard rollbacks[number]?.isRecoveryNeeded == true else { return }
        for (key, admission) in sidecars[number].life?.admitted ?? [:] where !admission.isGuest {
            guard case .sidecar(let peer)? = programs[key] else { continue }
            violate(.rollback, "s\(number) keeps s\(peer) although it was told that its state is old")
        }
    }

    /// A sidecar goes on with an old state.
    mutating func recovered(_ number: Int, isConfirmed: Bool) {
        rollbacks[number]?.recover(isConfirmed: isConfirmed)
        guard isConfirmed else { return }
        for peer in sidecars.indices where peer != number { ledger.allow(number, peer, .all) }
    }
}
