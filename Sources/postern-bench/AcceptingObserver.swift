import NIOCore
import OverlayCore
import OverlayNIO
import OverlayWire
import PosternModel

/// Gives every stream a handler and ignores everything else.
final class AcceptingObserver: OverlayObserver {
    private let accept: () -> any OverlayStreamHandler

    init(accept: @escaping () -> any OverlayStreamHandler) {
        self.accept = accept
    }

    func overlayAccepts(
        stream: OverlayStream,
        from peer: NodeKey,
        port: VirtualPort
    ) -> (any OverlayStreamHandler)? {
        accept()
    }

    func overlaySession(with peer: NodeKey, is change: SessionChange) {}
    func overlayReceived(datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {}
    func overlayStores(replayFloor: UInt64, of peer: NodeKey) -> Bool { true }
    func overlaySees(_ duplicate: DuplicateIdentity) {}
    func overlayObserved(_ endpoint: Endpoint, by peer: NodeKey) {}
    func overlayLearned(candidates: [Endpoint], of peer: NodeKey) {}
}
