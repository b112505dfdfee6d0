import Logging
package import NIOCore
import OverlayCore
import OverlayCrypto
package import OverlayNIO
package import OverlayWire
package import PosternModel
import SidecarCore
import StateStore
import TrustCore

extension SidecarRuntime: OverlayObserver {
    package func overlayAccepts(
        stream: OverlayStream,
        from peer: NodeKey,
        port: VirtualPort
    ) -> (any OverlayStreamHandler)? {
        if port == SidecarPort.control { return life?.control.accept(stream) }
        return incoming?.accept(stream, from: peer, port: port)
    }

    package func overlaySession(with peer: NodeKey, is change: SessionChange) {
        defer { incoming?.noteSession(with: peer, change) }
        tell(change, of: peer)
        let isUp: Bool
        switch change {
        case .established: isUp = true
        case .lost, .unreachable: isUp = false
        case .pathBelowBase(let endpoint, let isBelow):
            return tellPathSize(of: peer, at: endpoint, isBelow: isBelow)
        case .unresponsive, .responsive:
            feed { sidecar, _ in sidecar.hubSession(peer, isSilent: change == .unresponsive) }
            return
        case .pathChanged: return
        }
        if life?.hubs[peer] != nil {
            feed { $0.hubSession(peer, isUp: isUp, at: $1) }
        } else {
            feed { $0.peerSession(peer, isUp: isUp, at: $1) }
        }
    }

    private func tellPathSize(of peer: NodeKey, at endpoint: Endpoint, isBelow: Bool) {
        let metadata: Logger.Metadata = ["peer": "\(peer)", "address": "\(endpoint)"]
        if isBelow {
            log.warning(
                "the path carries no packets of 1200 bytes: calls go on in smaller ones, new keys need another path",
                metadata: metadata
            )
        } else {
            log.info("the path carries packets of 1200 bytes again", metadata: metadata)
        }
    }

    package func overlayReceived(datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {
        incoming?.receive(datagram, from: peer, port: port)
    }

    package func overlayStores(replayFloor: UInt64, of peer: NodeKey) -> Bool {
        // Of a peer that was expelled meanwhile nothing is kept.
        guard life?.sidecar.isAdmissible(peer, at: .now()) == true || life?.hubs[peer] != nil else { return true }
        do {
            try life?.floors.raise(peer, to: replayFloor)
            return true
        } catch {
            log.error(
                "the replay guard cannot be stored: first requests take a round trip longer",
                metadata: ["peer": "\(peer)", "error": "\(error)"]
            )
            return false
        }
    }

    package func overlayStores(sharedFloor: UInt64, of guest: NodeKey, instance: UInt64) {
        do {
            try life?.guestFloors.raise(guest, instance, to: sharedFloor)
        } catch {
            log.error("the replay guard of invitations cannot be stored", metadata: ["error": "\(error)"])
        }
    }

    package func overlaySees(_ duplicate: DuplicateIdentity) {
        switch duplicate {
        case .usedTwice(let peer):
            log.warning(
                "two programs use the key of a peer, as copies of one state directory do: one of them has to stop",
                metadata: ["peer": "\(peer)"]
            )
            feed { $0.sawDuplicate(of: peer, at: $1) }
        case .ownUsedTwice(let peer, let isRefused):
            log.critical(
                "another program uses this node's key, as a copy of its state directory does: stop one of the two",
                metadata: ["seen by": "\(peer)", "served": isRefused ? "the other one" : "this one"]
            )
            let own = identity.key
            feed { $0.sawDuplicate(of: own, at: $1) }
        }
    }

    package func overlayObserved(_ endpoint: Endpoint, by peer: NodeKey) {
        // Only a hub is believed: it sees us from outside, and a peer could send our invitations elsewhere.
        guard life?.hubs[peer] != nil, !endpoint.isDetour, observed.last != endpoint else { return }
        observed = Array((observed.filter { $0 != endpoint } + [endpoint]).suffix(4))
        let profile = profile(of: settings)
        feed { sidecar, _ in
            sidecar.advertise(profile.advertised, confirmed: profile.confirmed)
            return []
        }
    }

    package func overlayLearned(candidates: [Endpoint], of peer: NodeKey) {
        feed { sidecar, _ in sidecar.learned(candidates, of: peer) }
    }
}
