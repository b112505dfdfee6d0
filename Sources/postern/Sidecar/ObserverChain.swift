import NIOCore
import OverlayNIO
import OverlayWire
import PosternModel

/// Tells the sidecar everything that the overlay says, and the gateway what it needs of it.
final class ObserverChain: OverlayObserver {
    private let sidecar: any OverlayObserver
    private let session: (NodeKey, SessionChange) -> Void

    /// `session` hears of session changes after `sidecar`.
    init(sidecar: any OverlayObserver, session: @escaping (NodeKey, SessionChange) -> Void) {
        self.sidecar = sidecar
        self.session = session
    }

    func overlayAccepts(stream: OverlayStream, from peer: NodeKey, port: VirtualPort) -> (any OverlayStreamHandler)? {
        sidecar.overlayAccepts(stream: stream, from: peer, port: port)
    }

    func overlaySession(with peer: NodeKey, is change: SessionChange) {
        sidecar.overlaySession(with: peer, is: change)
        session(peer, change)
    }

    func overlayReceived(datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {
        sidecar.overlayReceived(datagram: datagram, from: peer, port: port)
    }

    func overlayReplayFloor(of peer: NodeKey, is timestamp: UInt64) {
        sidecar.overlayReplayFloor(of: peer, is: timestamp)
    }

    func overlayObserved(_ endpoint: Endpoint, by peer: NodeKey) {
        sidecar.overlayObserved(endpoint, by: peer)
    }

    func overlayLearned(candidates: [Endpoint], of peer: NodeKey) {
        sidecar.overlayLearned(candidates: candidates, of: peer)
    }
}
