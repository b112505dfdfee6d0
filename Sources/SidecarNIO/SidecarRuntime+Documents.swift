package import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
package import PosternModel
import SidecarCore
import StateStore

// The documents that status, peers and ping show (INTERFACE).
extension SidecarRuntime {
    /// The number of requests for trust that wait for a decision.
    package var pendingCount: Int { life?.sidecar.pendingCount ?? 0 }

    /// `hubs` of `status`.
    package func hubsDocument() -> JSONValue {
        let states = life?.sidecar.hubStates() ?? []
        return .array(
            states.map { state in
                let status = node.peerStatus(of: state.url.key)
                return [
                    "url": .string(state.url.description), "connected": .bool(state.isUp), "transport": "udp",
                    "rttMs": Self.milliseconds(status?.roundTrip),
                    "home": .bool(state.url == settings.hubs.first), "configured": .bool(state.isOurs),
                ]
            }
        )
    }

    /// `peers`: every peer with which a trust stands.
    package func peersDocument() -> JSONValue {
        let now = Clocks.now()
        return .array(
            (life?.sidecar.trustedPeers(at: now.wall) ?? []).map { peer in
                var object = peer.document
                let status = node.peerStatus(of: peer.key)
                object["connected"] = .bool(status?.isConnected ?? false)
                object["path"] = Self.pathDocument(status)
                object["rttMs"] = Self.milliseconds(status?.roundTrip)
                object["bytesSent"] = .integer(Int64(clamping: status?.bytesSent ?? 0))
                object["bytesReceived"] = .integer(Int64(clamping: status?.bytesReceived ?? 0))
                object["relayedBytes"] = .integer(Int64(clamping: status?.relayedBytes ?? 0))
                if let heard = status?.heardAt {
                    let age = Interval(nanoseconds: -(now.instant - heard).nanoseconds)
                    object["lastSeen"] = .time((now.wall + age).inMilliseconds)
                }
                return .object(object)
            }
        )
    }

    /// `ping PEER`: `count` round trips, one after another. Fails with ``SidecarCore/Problem`` when there is no
    /// such trusted peer; lost pings are counted, not failed.
    package func ping(_ peer: PeerName, count: Int) -> EventLoopFuture<JSONValue> {
        node.eventLoop.preconditionInEventLoop()
        switch find(peer) {
        case .trusted(let key):
            want(key)
            return ping(key, left: count, sent: 0, times: [])
        case .notTrusted(_, let hint):
            let error = Problem(code: "not-trusted", message: "there is no trust with \(peer)", hint: hint)
            return node.eventLoop.makeFailedFuture(error)
        case .ambiguous(let dids):
            return node.eventLoop.makeFailedFuture(Problem.ambiguousPeer(peer, dids))
        case .unknown:
            return node.eventLoop.makeFailedFuture(Problem.unknownPeer(peer))
        }
    }

    /// The lines of the audit trail recorded at `since` or later; nil: all. Fails with ``StateFileError``.
    package func auditLines(since: Timestamp?) -> EventLoopFuture<[String]> {
        guard let life else { return node.eventLoop.makeFailedFuture(Problem.stopped) }
        return life.audit.lines(since: since, on: node.eventLoop)
    }

    private func ping(_ key: NodeKey, left: Int, sent: Int, times: [Double]) -> EventLoopFuture<JSONValue> {
        guard left > 0 else {
            let sorted = times.sorted()
            let figures: JSONValue =
                sorted.isEmpty
                ? nil
                : [
                    "min": .double(sorted[0]), "median": .double(sorted[sorted.count / 2]),
                    "max": .double(sorted[sorted.count - 1]),
                ]
            let document: JSONValue = [
                "sent": .integer(Int64(sent)), "received": .integer(Int64(times.count)), "rttMs": figures,
                "path": Self.pathDocument(node.peerStatus(of: key)),
            ]
            return node.eventLoop.makeSucceededFuture(document)
        }
        return node.ping(key).assumeIsolated().map { Optional($0) }.recover { _ in nil }.flatMap { result in
            let measured = result.map { times + [$0.roundTrip.milliseconds] } ?? times
            return self.ping(key, left: left - 1, sent: sent + 1, times: measured)
        }.nonisolated()
    }

    private static func pathDocument(_ status: PeerStatus?) -> JSONValue {
        guard let status, status.isConnected, let path = status.path else { return nil }
        switch path {
        case .relay: return ["kind": "relay", "transport": "udp", "family": nil]
        case .ipv4: return ["kind": "direct", "transport": "udp", "family": "ipv4"]
        case .ipv6: return ["kind": "direct", "transport": "udp", "family": "ipv6"]
        }
    }

    private static func milliseconds(_ interval: Interval?) -> JSONValue {
        interval.map { .double(($0.milliseconds * 1_000).rounded() / 1_000) } ?? nil
    }
}
