import HubProtocol
import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayNIO
import OverlayWire
import PosternModel
import SidecarCore
import TrustCore

// Streams of the sidecar's own: to hubs, to peers' sidecars, and from them.
extension SidecarRuntime {
    /// The bytes of one event of a hub.
    private static let eventSize = 65_536

    /// Asks the node `key` on `port`, and gives the core the answer, or nil when none came.
    func ask(
        _ key: NodeKey,
        port: VirtualPort,
        _ document: JSONValue,
        answered: @escaping (inout Sidecar, JSONValue?, Clocks) -> [SidecarAction]
    ) {
        do {
            try RPCClientStream.ask(document, of: key, port: port, on: node) { [weak self] answer in
                self?.feed { answered(&$0, answer, $1) }
            }
        } catch {
            feed { answered(&$0, nil, $1) }
        }
    }

    /// Does the work that a hub asks for, off the event loop and one piece after another, so that it never takes more
    /// than one processor.
    func work(on challenge: WorkChallenge, bits: Int, for id: SidecarRequestID) {
        let earlier = life?.lastWork ?? node.eventLoop.makeSucceededVoidFuture()
        let work = earlier.flatMap { [resolver, loop = node.eventLoop] in
            resolver.runIfActive(eventLoop: loop) { challenge.solve(bits: bits) }
        }
        // The next piece begins also when this one failed.
        life?.lastWork = work.map { _ in }.recover { _ in }
        work.assumeIsolated().whenComplete { result in
            self.feed { $0.worked(id, try? result.get(), at: $1) }
        }
    }

    /// Opens the event stream of a hub; one that was open is forgotten.
    func openWatch(_ hub: NodeKey) {
        do {
            let reader = try EventStream.Reader.open(
                to: hub,
                port: HubPort.events,
                on: node,
                limit: Self.eventSize,
                told: { [weak self] in self?.heard($1, from: hub, $0) },
                ended: { [weak self] in self?.watchEnded(of: hub, $0) }
            )
            life?.watches.updateValue(reader, forKey: hub)?.close()
        } catch {
            log.debug("the event stream of a hub cannot be opened", metadata: ["hub": "\(hub)", "error": "\(error)"])
        }
    }

    private func heard(_ document: JSONValue?, from hub: NodeKey, _ reader: EventStream.Reader) {
        guard life?.watches[hub] === reader else { return }
        guard let event = document.flatMap({ try? HubEvent($0) }) else {
            return log.warning("a hub sent what is no event", metadata: ["hub": "\(hub)"])
        }
        feed { $0.receive(event, from: hub, at: $1) }
    }

    private func watchEnded(of hub: NodeKey, _ reader: EventStream.Reader) {
        guard life?.watches[hub] === reader else { return }
        life?.watches[hub] = nil
        // Not at once: a hub that ends every stream would be asked without pause.
        node.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) {
            guard self.life?.watches[hub] == nil else { return }
            self.feed { $0.watchEnded(hub, at: $1) }
        }
    }

    /// A peer, or a guest, asks on the control port.
    func receive(_ document: JSONValue?, _ call: RPCServerStream) {
        guard life != nil, let document else { return call.refuse(.refused) }
        guard let request = try? PeerRequest(document) else { return call.answer(PeerAnswer.refused.document) }
        life?.lastPeerRequest += 1
        let id = PeerRequestID(life?.lastPeerRequest ?? 0)
        life?.peerRequests[id] = call
        feed { $0.receive(request, id: id, from: call.peer, at: $1) }
    }

    /// Meets an inviter as its guest and gives the core its answer.
    func redeem(_ invitation: Invitation, claim: [UInt8], id: SidecarRequestID) {
        let redemption = InvitationRedemption(invitation: invitation, node: node, logger: log) { [weak self] answer in
            self?.life?.redemptions[id] = nil
            self?.feed { $0.peerAnswered(id, answer, at: $1) }
        }
        life?.redemptions[id] = redemption
        redemption.begin(claim: claim)
    }
}
