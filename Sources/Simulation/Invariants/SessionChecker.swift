import OverlayCore
package import OverlayWire
package import PosternModel

/// Checks that sessions begin and end in turn, between hosts that admit each other, and end only for a cause: nothing
/// is dropped for a path change, a re-key or an idle timer.
package final class SessionChecker {
    private struct Edge: Hashable {
        let host: HostID
        let peer: HostID
    }

    private let findings: Findings
    private let history: FaultHistory
    /// When each session that lives began, by the host that sees it.
    private var established: [Edge: Instant] = [:]
    /// Sessions in whose life the host has not heard its peer yet.
    private var unheard: Set<Edge> = []
    /// How many sessions were established.
    package private(set) var count = 0

    private static let causeReach = Interval.seconds(120)

    package init(findings: Findings, history: FaultHistory) {
        self.findings = findings
        self.history = history
    }

    /// Whether `host` has a session with `peer` now, as it sees it.
    package func isConnected(_ host: HostID, _ peer: HostID) -> Bool {
        established[Edge(host: host, peer: peer)] != nil
    }

    /// When the session that `host` has with `peer` began, as it sees it.
    package func begunAt(_ host: HostID, _ peer: HostID) -> Instant? {
        established[Edge(host: host, peer: peer)]
    }

    /// `host` says that a session with `peer` began; `isMutual`: each of the two admits the other.
    package func began(at host: HostID, with peer: HostID?, isMutual: Bool) {
        guard let peer, isMutual else {
            return findings.report(
                .admission,
                "\(host) has a session with a peer that does not admit it or is not admitted"
            )
        }
        let edge = Edge(host: host, peer: peer)
        if established[edge] != nil {
            findings.report(.sessions, "\(host) began a session with \(peer) without having ended the one before")
        }
        established[edge] = findings.now
        unheard.insert(edge)
        history.recordBeginning(HostPair(host, peer), at: findings.now)
        count += 1
    }

    /// Whether `host` has not heard `peer` yet in its session.
    package func isUnheard(_ host: HostID, _ peer: HostID) -> Bool {
        !unheard.isEmpty && unheard.contains(Edge(host: host, peer: peer))
    }

    /// When the session of `host` with `peer` began that lives, as `host` sees it.
    package func beginning(of host: HostID, with peer: HostID) -> Instant? {
        established[Edge(host: host, peer: peer)]
    }

    /// `host` has received an authentic packet of `peer` in its session.
    package func heard(at host: HostID, _ peer: HostID) { unheard.remove(Edge(host: host, peer: peer)) }

    /// `host` says that its session ended; `hasStreams`: streams of it were open at the time.
    package func lost(at host: HostID, with peer: HostID, _ code: ErrorCode, reason: String, hasStreams: Bool) {
        let edge = Edge(host: host, peer: peer)
        guard let start = established.removeValue(forKey: edge) else {
            return findings.report(.sessions, "\(host) lost a session with \(peer) that it did not have: \(reason)")
        }
        let pair = HostPair(host, peer)
        // A session without streams may be given up when the peer cannot be reached: it costs nothing to begin another.
        // So may one in which the peer was never heard: it may never have had the keys.
        let isIdle = !hasStreams || unheard.contains(edge)
        if code == .aborted, isIdle, history.mayHinder(pair, since: findings.now - Self.causeReach) {
            history.recordSurrender(pair)
        }
        if !history.mayBreak(pair, since: start - Self.causeReach) {
            findings.report(.sessions, "\(host) lost its session with \(peer) (\(code.rawValue), \(reason))")
        }
    }

    /// `host` says that it gave up its handshake with `peer`.
    package func handshakeFailed(at host: HostID, with peer: HostID) {
        history.recordSurrender(HostPair(host, peer))
        if !history.mayHinder(HostPair(host, peer), since: findings.now - Self.causeReach) {
            findings.report(.sessions, "\(host) gave up the handshake with \(peer) although nothing kept them apart")
        }
    }

    /// `host` lost its memory.
    package func crashed(_ host: HostID) {
        established = established.filter { $0.key.host != host }
        unheard = unheard.filter { $0.host != host }
    }
}
