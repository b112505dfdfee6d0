import GatewayCore
import Logging
package import NIOCore
import OverlayNIO
package import PosternModel
import TrustCore

// What the gateway decides for flows of datagrams as for streams, and counts.
extension Gateway {
    /// Takes a datagram of `peer`, for a service of kind `udp` or for a client of one.
    package func receive(_ datagram: ByteBuffer, from peer: NodeKey, port: VirtualPort) {
        eventLoop.assertInEventLoop()
        datagrams.receive(datagram, from: peer, port: port)
    }

    /// Takes datagrams as well at `address`, where `service` is reached: whether it is one of kind `udp` shows later.
    func reachByDatagrams(_ service: ReachedService, at address: SocketAddress) -> EventLoopFuture<SocketAddress> {
        // A source address proves nothing, so other machines get no UDP port.
        guard service.network == nil else { return eventLoop.makeSucceededFuture(address) }
        return DatagramPort(service, relay: datagrams).listen(at: address).assumeIsolated().map { channel in
            if self.listeners[service] == nil {
                channel.close(promise: nil)
            } else {
                self.datagramListeners[service] = channel
            }
            return address
        }.recover { error in
            self.log.warning(
                "a reach port takes no datagrams: its UDP port cannot be bound",
                metadata: ["listen": "\(address)", "error": "\(error)"]
            )
            return address
        }.nonisolated()
    }

    /// The service at `port` for a flow that `peer` begins; nil, and nothing counted, when it may not.
    func admitFlow(of peer: NodeKey, to port: VirtualPort) -> Exposure? {
        guard stopping == nil, let exposure = exposures[port], exposure.service.kind == .udp,
            authority.decide(peer, port).isAdmitted
        else {
            noteRefusedStream()
            return nil
        }
        guard admissions.admitStream(of: peer) else {
            statistics.overLimit += 1
            return nil
        }
        guard exposure.admit(peer, settings.programs, at: Instant(.now())) != nil else {
            admissions.releaseStream(of: peer)
            statistics.overLimit += 1
            return nil
        }
        statistics.streamsAccepted += 1
        return exposure
    }

    /// A flow of a peer that was admitted is over.
    func releaseFlow(of peer: NodeKey, to exposure: Exposure) {
        exposure.release(peer)
        admissions.releaseStream(of: peer)
    }

    /// Counts a flow of a client here; false, and not counted, when there is no room.
    func admitFlow() -> Bool {
        guard stopping == nil, admissions.hasRoomForClient, admissions.admitClient() == .admitted else {
            statistics.overLimit += 1
            return false
        }
        return true
    }

    /// A flow of a client here is over.
    func releaseClient() {
        admissions.releaseClient()
    }

    func noteCarried() {
        statistics.datagramsCarried += 1
    }

    func noteDropped(_ count: Int = 1) {
        statistics.datagramsDropped += UInt64(count)
    }
}
