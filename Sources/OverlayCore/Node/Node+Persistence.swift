import OverlayWire
package import PosternModel

// What the shell keeps on the disk for the node, and the randomness that it brings.
extension Node {
    /// More numbers are reserved before these run out. Who found none left begins again when they come.
    mutating func askForCounters() {
        if counter.asksForMore() { shared.events.append(.countersLow) }
    }

    /// Numbers for handshakes up to `limit` are reserved now: no other process and no later life will use them.
    package mutating func reserveCounters(to limit: UInt64) {
        counter.extend(to: limit)
        for case let peer? in peers where peer.pending == nil {
            guard let session = peer.session, case .connecting = session.phase else { continue }
            peer.needsHandshake = true
            settle(peer)
        }
    }

    /// The numbers of handshakes up to this one are used.
    package var lastCounter: UInt64 { counter.value }

    /// The number above which more are to be reserved.
    package var wantedCounters: UInt64 { counter.next }

    /// Whether replay floors can be stored: without that no early data is taken.
    package mutating func setTakesEarlyData(_ takes: Bool) {
        takesEarlyData = takes
    }

    /// The replay floor of `key` could not be stored: what its first message brought must not have effects.
    package mutating func refuseEarlyData(of key: NodeKey, at now: Instant) {
        guard let slot = slotsByKey[key], let session = peers[slot]?.session, !session.isConfirmed else { return }
        close(session, code: .aborted, reason: "the replay guard could not be stored", at: now)
    }
}
